// Package mcp stands between an MCP client and an MCP server: every call is decided by the gate, written to the ledger and
// forwarded in its own bytes, or refused. It speaks the stdio transport of both eras of the protocol (to 2025-11-25, and
// from 2026-07-28) and takes part in neither side's conversation.
//
// # Bytes
//
// A frame is a line. Its bytes are forwarded as they came, a carriage return at the end included; blank lines are nobody's.
// What follows the last line feed before the end counts as a line. Only these change what goes through: CanonicalArgs,
// a list from which something is hidden, instructions that are withheld, a treated result (Results), and a batch, which is
// taken apart.
//
// A message of the client is refused (-32600; -32700 where it is no JSON), recorded and not forwarded when readers may differ
// about it: a member named twice at any depth, invalid UTF-8, half a surrogate pair, nesting beyond abi.MaxDepth, a member
// that differs by its case alone from a protocol name (jsonrpc id method params result error; in params: name arguments uri
// and others) or from an argument that the tool table (at any depth) or the tool's schema knows, two arguments that differ by
// case alone, a member named __proto__ in params, a message that is request and answer in one, another "jsonrpc" than "2.0",
// params that are no object, an id that is neither string nor number, has more than 1,024 bytes, or is that of a request
// without an answer yet. So is a carriage return within a line: Python's and Node's line readers take it for a line end, and
// what follows it for a message of its own. So is a line over MaxMessage, which is passed by without being held. The answer
// bears the id where one can be had, else null. This holds in monitor mode too. Of the client's answers to the server only
// the outermost object is read so: nothing is decided by them.
//
// A line of the server that is no message, or is over MaxMessage, is logged and recorded, the first hundred of a run,
// and not forwarded. The same goes for an answer to no request, or to one that is still being decided: a server that guesses
// ids does not answer in the gate's place. Where such a line was to answer a request, the client gets an error (-32603).
// Texts that are no proper Unicode pass: servers send them, and only the client's reader is concerned.
//
// Ids of every shape are kept as raw bytes. For matching, two spellings of a number or a string are one: servers write ids
// anew.
//
// Batches exist in revision 2025-03-26 alone: in a session that agreed on it each message of a batch (100 at most) is
// decided and forwarded by itself, and the answers go out as one batch; in any other they are refused. A server's batches
// are taken apart.
//
// # Methods
//
//	ping logging/setLevel completion/complete tasks/list                               pass
//	initialize server/discover                                                         pass; the instructions in the answer are looked at
//	tools/list prompts/list resources/list resources/templates/list                   pass; the answer is filtered
//	tools/call                                                                         decided by tool and arguments
//	resources/read resources/subscribe resources/unsubscribe                           decided as read of the URI
//	prompts/get                                                                        decided as read
//	subscriptions/listen                                                               passes; decided as read of the URIs it subscribes to, if any
//	tasks/get tasks/result tasks/cancel                                                pass for a task made by a call decided here
//	every other request, tasks/update too                                              decided as type unknown, with its method
//	notifications/…                                                                    pass
//	one of the requests above without an id                                            refused
//	anything else without an id                                                        decided as type unknown; no answer
//
// A request sent again with inputResponses is decided again; rules see them as data.inputResponses. What the server asks the
// client (sampling, elicitation, roots, ping), the client's answers to it, and notifications of either side pass.
//
// # What a server tells of itself
//
// Tools that no rule could let through any more, whatever their arguments (gate.List), are cut out of a list; so are
// prompts, resources and templates whose use could not be. The other bytes stay, as do order and nextCursor, and a
// cacheScope of public becomes private. Tools are remembered for their annotations, which may tighten, and their
// outputSchema. A tool on a page of a list that has more pages counts as seen; a tool is lacking only when the list was read
// to its end.
//
// Inspect looks at every item of a list, and at the instructions by which a server introduces itself. Rules see what it finds
// as tool.flagged and tool.changed, in the list and when the tool, prompt or resource is used (a resource by its own URI:
// that it comes of a flagged template is not told). Before a list is seen nothing is known but the changes that waited for
// approval when the session began. Flagged instructions are replaced by a note where no rule could let a flagged tool pass.
// What is found is written down as a tools entry {"new","changed","flagged":[{"tool","kinds"}]}, with prompt, resource,
// template or part in the place of tool; then Results treats titles, descriptions and instructions as it treats results, with
// an entry {"found":{…}} where that changed anything.
//
// An answer of these that cannot be read strictly, or has a member that clients may take for one of them but for its case, is
// kept back: the client gets an error (-32603).
//
// # Results
//
// Results of decided requests, those of their tasks included, are shown to the judges that speak at post_tool, then treated
// (Results), whose finds are written down as an outcome entry {"decision_id","flagged","removed","masked","lookalikes",
// "withheld"} before the client has them. So are the errors that answer calls of tools, reads of resources and prompts, for
// clients show them to the model: judges see {"is_error":true,"text":MESSAGE,"structured":DATA}. So is what is told of a task
// before it has a result, but that is no outcome. A result in which a member of the outermost object stands twice is kept back.
//
// Answers to requests that pass undecided, or are decided as unknown, and what the server sends of itself (notifications of
// progress, logging and tasks, sampling, elicitation) pass as they are, whatever texts they hold.
//
// # Refusals
//
// A refused tool call is answered by a result with isError, a text for the model, and
//
//	"_meta":{"ai.agentmesh/verdict":{"code":…,"rule":…,"decisionId":…,"retryable":…,"retryAfter":…}}
//
// (retryAfter in seconds, where it is known; resultType complete where the request names its revision), but by -32602 when
// the last list that was seen whole lacks the tool. Other requests, and tool calls under RefuseByError, are answered by the
// error CodeRefused with the same object in data. A request whose params cannot be understood gets -32602.
//
// # Order
//
// Each direction keeps its order. Decisions are made beside each other, up to 64 at once, and what comes of them goes out
// in turn. A request called off while it is decided is not forwarded, nor is its cancel; the ledger has it as cancelled,
// and no answer is due. One called off later is: the cancel passes, the outcome is cancelled, and a late answer passes as well.
// Nothing is timed out.
//
// # Ends
//
// When the client leaves (or a signal tells us to), what it sent is still decided and forwarded, the server's input is
// closed, and the server has Grace to end, then is asked by SIGTERM with its whole group, and after Grace again is killed;
// exit 0. When the server ends, its exit code is ours, whoever else has left too. In both cases requests without an answer
// get one (-32603). Results that came without an outcome being recorded read "outcome unknown".
//
// # Why not an MCP library
//
// A library reads messages and writes new ones: unknown members, ids, number spellings and order get lost, and what was
// decided is no longer what is sent.
package mcp
