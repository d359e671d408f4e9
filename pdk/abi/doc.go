// Package abi is the contract between the host, its judges and those who write them: what a request, a finding, a
// verdict and an outcome are, how they are written as JSON, and how a compiled policy is called without JSON.
//
// Everything here is a value or a pure function. The codec uses no reflection and, where buffers are used again,
// allocates nothing, so that it runs as well inside a WebAssembly guest as in the host.
//
// Writing is canonical: members in the contract's order, no spaces, only the escapes that must be, numbers as received.
// The same facts give the same bytes. Reading is strict (ReadValue); on top of it the host ignores no member of a
// guest's answer, while a guest ignores members of a request that it does not know, which is how the contract grows.
package abi
