package mcp

import "strings"

// spot is a place in a result, which says how its strings are taken.
type spot uint8

const (
	// atRoot is the result itself.
	atRoot spot = iota
	// atText is what a model or person reads: content, contents, messages, a prompt's description, input requests.
	atText
	// atData is structured content: every string is text, whatever its name.
	atData
	// atTold is what a server tells of itself: what programs go by is looked at, titles and descriptions are text.
	atTold
	// atCaption is such a title or description, if it is a string and no member of a schema.
	atCaption
	// atOther is what the protocol gives no place to: looked at, not edited, since nobody knows who needs it as it is.
	atOther
	// atMeta is a _meta object, which models do not see. Members of ours in it are imitations.
	atMeta
	// atFault is the error object of an answer.
	atFault
	// atNothing is base64 and the like.
	atNothing
)

// ourMembers is how members of _meta that we write begin.
const ourMembers = "ai.agentmesh/"

// below is the spot of a member. Names are compared without regard to case, because some clients do.
func (s spot) below(name string) spot {
	switch s {
	case atRoot:
		return rootSpot(strings.ToLower(name))
	case atText:
		return textSpot(strings.ToLower(name))
	case atTold, atCaption:
		return toldSpot(strings.ToLower(name))
	case atFault:
		return faultSpot(strings.ToLower(name))
	case atMeta:
		return atNothing
	default:
		return s
	}
}

func rootSpot(name string) spot {
	switch name {
	case "content", "contents", "messages", "description", "title", "inputrequests", "task", "statusmessage", "instructions":
		return atText
	case "tools", "prompts", "resources", "resourcetemplates", "serverinfo":
		return atTold
	case "structuredcontent", "toolresult":
		return atData
	case "_meta":
		return atMeta
	default:
		return atOther
	}
}

func faultSpot(name string) spot {
	switch name {
	case "message":
		return atText
	case "data":
		return atData
	default:
		return atOther
	}
}

func toldSpot(name string) spot {
	switch name {
	case "title", "description":
		return atCaption
	case "_meta":
		return atMeta
	default:
		return atTold
	}
}

// textSpot lets through what programs go by: types, addresses, identifiers, names, the answers a form may have.
func textSpot(name string) spot {
	switch name {
	case "data", "blob":
		return atNothing
	case "_meta":
		return atMeta
	case "structuredcontent":
		return atData
	case "type", "role", "method", "mimetype", "uri", "url", "src", "name", "id", "tooluseid", "taskid", "status", "lastmodified",
		"requestedschema", "input", "cursor", "audience", "theme", "elicitationid":
		return atOther
	default:
		return atText
	}
}

func (s spot) care() care {
	switch s {
	case atText, atData, atCaption, atFault:
		return careClean
	case atOther, atTold, atRoot:
		return careLook
	default:
		return careLeave
	}
}
