// Package clients knows where MCP clients keep which servers they start, and puts `agentmesh proxy` before those servers
// without disturbing the rest of the file.
//
// # Finding
//
// [System.Places] lists the configurations that the known clients read, of the user and of a project folder; [Find]
// those that exist. Sources are the clients' own manuals: Claude Desktop (claude_desktop_config.json), Claude Code
// (~/.claude.json with servers of the user and of each project, .mcp.json in a project), Cursor and Windsurf
// (mcp.json, mcp_config.json), VS Code (mcp.json of user, profile and folder; "mcp" in settings.json).
//
// # Reading
//
// [Parse] takes JSON with comments and trailing commas, as VS Code does, in UTF-8 with or without a byte order mark. It
// yields every entry of every list of servers, in the order of the file:
//
//	bare     started over standard input and output, with nothing before it
//	wrapped  started through agentmesh proxy, by us or by hand
//	remote   reached by URL: a proxy over standard input and output cannot stand before it
//	broken   not understood, or understood differently by different parsers (a key that stands twice)
//
// # Wrapping
//
// An entry {"command": C, "args": [A…]} becomes
//
//	{"command": BINARY, "args": ["proxy", "--policy", P, "--server", NAME, "--wraps", "list:C", "--", RESOLVED, A…]}
//
// RESOLVED is C by absolute path where it can be found, because the PATH of a desktop client is not the PATH of a shell.
// --wraps is the marker by which we know our own entries, and holds C as it was spelled; "none:C" and "null:C" say that
// there was no args, or null. Undoing takes from the entry what stands there now, so that arguments added meanwhile stay.
//
// An entry that is wrapped already is left, but for what is asked for, and for programs (agentmesh, or the server's own)
// that are not where they were.
//
// Files are edited by ranges of bytes. Whatever is not inserted keeps its bytes: order, indentation, comments, line
// ends, unknown keys, the end of the file. Wrapping and then unwrapping gives back the same bytes.
//
// # Writing
//
// [File.Write] replaces the file whole: a new file in the same folder, synced, then renamed over it, with mode and owner
// kept (extended attributes and hard links are not). A symbolic link stays, its target is replaced. A file whose
// owner may not write it is left alone. What changed between reading and renaming is found by reading again, just before
// the rename ([ErrChanged]); a client that writes within that moment wins or loses as a whole.
//
// Before the first change the file is copied to PATH.before-agentmesh, with its mode. A copy that is there already is
// never overwritten. Undoing removes the copy when it gave back exactly those bytes.
package clients
