// Meshhost is the long-lived host of the mesh: it serves decisions over HTTP by rules that it watches, and records them.
//
// Exit codes: 0 done, 1 failed, 2 used wrongly.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) }
