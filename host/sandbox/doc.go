// Package sandbox runs judges: compiled policies by the direct entry of pdk/abi, and plugins in any language by Extism's
// ABI, each in WebAssembly memory of its own.
//
// # What is loaded
//
// Policies are loaded from files and from directories (not from folders within them): *.yaml, *.yml and *.json as
// policy.IsPolicyFile tells, and *.wasm, which holds a policy compiled earlier. A module is never run as found: its
// embedded source is compiled again and our own output runs. Where the two differ, that is a warning of the set; a module
// without source is refused. "preset:NAME" loads a preset. All errors of everything named come at once, and one error
// means that nothing is loaded.
//
// Any other *.wasm is a plugin. Its manifest and golden cases are custom sections of it; a foreign module without them takes
// x.manifest.json and x.cases.json beside x.wasm. A plugin that the operator configured and that is not there is an error.
//
// A module can also lie in memory (Module), with a tag that its giver alone understands. Several versions of one name make as
// many judges, all of which decide: which of them is to decide for whom and when is host/rollout's, which wraps the set. Two
// modules of one name and version are an error, and so are two of one name in local/. Dates in a manifest must be dates
// (Window); heeding them is host/rollout's too.
//
// # Plugins
//
// A plugin is a pure function: it is given bytes and answers bytes. What it may import is served by the host alone, and
// is the same everywhere and always; whatever else it imports refuses it at load, by name:
//
//   - extism:host/env: alloc free length length_unsafe load_u8 load_u64 store_u8 store_u64 input_length input_offset
//     input_load_u8 input_load_u64 output_set output_length output_offset error_set config_get log_trace log_debug
//     log_info log_warn log_error get_log_level. config_get knows "settings", one canonical JSON object. Out of bounds
//     traps. Variables and HTTP are not there.
//   - wasi_snapshot_preview1, for the runtimes of Go, TinyGo and Rust: no arguments and no environment (args_get
//     args_sizes_get environ_get environ_sizes_get); clocks that stand at 2022-01-01T00:00:00Z and move by what the guest
//     sleeps (clock_res_get clock_time_get poll_oneoff); one fixed random sequence (random_get); standard output and error
//     go to a log of 4 KiB a call (fd_write, fd_fdstat_get); no other file is open (fd_read fd_seek fd_close
//     fd_fdstat_set_flags fd_prestat_get fd_prestat_dir_name: EBADF); sched_yield does nothing; proc_exit and proc_raise
//     trap.
//
// The loads and stores among them are served without leaving the guest, from memory that both share. A kit can do without
// them: where a module exports agentmesh_mailbox, () -> (i32), its input is written into its own memory and its answer
// taken from there. Other hosts do not call that, and the same module fetches its input by Extism's functions:
//
//	room, size      five numbers of 32 bits at the address given: where an input may be written, how long it may be,
//	given           the input's length and one more, or 0 where it is longer: the guest has to fetch it then,
//	answer, length  the guest's: where its answer stands; answer 0: it set the answer by Extism's functions
//
// Work is counted in fuel (host/wasm): what the code costs, 16 units for a call of the host and one for each 64 bytes it
// moves. A call may use DefaultFuel; a manifest can ask for less, and only the operator for more. The same holds of
// memory, DefaultMemoryPages. One call may take 16 MiB of the host's memory beside its input.
//
// An instance is started as Extism does it, warmed up with a typical request and the plugin's golden cases, and a snapshot
// is taken. After every call memory, globals, clock and random sequence are what they were then: the same request costs
// the same fuel and gets the same answer whatever came before. Further instances begin with the snapshot.
//
// Every failure is an *abi.Failure with a stable code and leaves nothing decided; after a trap or any limit the instance
// is dropped. A guest that runs on for Options.Watchdog in spite of its fuel is stopped at its next slice (wasm.Slice).
// Where a manifest names no effects, every decision but allow is allowed to it.
//
// # Admission
//
// A plugin is hostile until it was admitted (Options.Admission, Admitter): once for each digest, bounds and EngineVersion, a
// child process of ours, without environment, bounded in time, processor time and memory, scans and compiles it into the
// cache that only this user can write, and runs its golden cases here and under the stock Extism SDK. An answer that is not
// what the case wants, or that differs by a byte, refuses it; the message holds both. That it was admitted is remembered in
// the cache, in a file of this user alone; a refusal only in this process, one for time or memory for ten minutes.
//
// # Trust
//
// Policies are the operator's configuration, trusted by owner and mode: a policy file, and the directory it is loaded
// from, must belong to the user who runs the host or to root, and nobody else may be able to write it. Otherwise it is
// refused, with the command that mends it.
//
// Of a module Options.Trust says who vouches for it, before anything in it is compiled or run; the set remembers (Provenances).
// One that it refuses fails the load. One that ran before and must stop is replaced by an AbsentJudge, which fails with code
// absent at whatever it is asked: absence denies. That holds when the files as they are now do not load, too: a Watcher
// takes out of the last good set what must stop. Without Options.Trust every module says in the set's warnings that nobody
// vouches for it.
//
// # Sets
//
// A Set is immutable: judges sorted by name, and a digest over all of them, their settings and the host's configuration.
// A Watcher holds the one in force and swaps it when files change; whoever took the old one keeps it whole until it is
// released, and only then its modules close. An edit that does not load changes nothing: the last good set stays, and
// Status says what is wrong until it is mended.
//
// # Instances
//
// Each module has a pool of instances, which grows on demand to a bound; beyond it callers wait. An instance that failed,
// or that a large request made grow, is dropped. In the steady state a decision allocates nothing. The memory of all
// plugins' instances together, by what each may grow to, stays within Options.MemoryBudget.
package sandbox
