// Agentmesh is the command that people and agents use: it checks, builds, evaluates, tests and explains policies, reads
// and verifies the audit log, and says what the host makes of a tool call.
//
// Exit codes: 0 done, 1 failed, 2 used wrongly, 3 denied or verification failed.
package main

import "os"

func main() { os.Exit(run(processEnv(), os.Args[1:])) }
