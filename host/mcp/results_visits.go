package mcp

import (
	"encoding/json"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// visits counts, before a value is validated, how often that would hold a part of it against a subschema. The validator
// follows every branch anew, so a few lines of schema ("allOf" of two references to the next, forty times) cost more than a
// lifetime, and it cannot be stopped; the count goes the same way and can.
type visits struct{ left, depth int }

// maxSchemaDepth is how deep subschemas and values may nest together.
const maxSchemaDepth = 10_000

// affords reports whether holding v against s stays within what is left. A schema that chooses its references while it is
// checked ($dynamicRef, $recursiveRef) is not counted, and never does.
func (c *visits) affords(s *jsonschema.Schema, v any) bool {
	if s == nil {
		return true
	}
	c.left--
	if s.Enum != nil {
		c.left -= len(s.Enum.Values)
	}
	if c.left < 0 || c.depth >= maxSchemaDepth || s.DynamicRef != nil || s.RecursiveRef != nil {
		c.left = -1
		return false
	}
	c.depth++
	defer func() { c.depth-- }()
	inPlace(s, func(s *jsonschema.Schema) bool { return c.affords(s, v) })
	switch v := v.(type) {
	case json.Number:
		if vast(string(v)) {
			c.left = -1
		}
	case map[string]any:
		c.members(s, v)
	case []any:
		for i, item := range v {
			if !ofItem(s, i, func(s *jsonschema.Schema) bool { return c.affords(s, item) }) {
				break
			}
		}
	}
	return c.left >= 0
}

// vast reports whether exact arithmetic on a number is work.
func vast(n string) bool {
	e := strings.IndexAny(n, "eE")
	return len(n) > 1024 || e >= 0 && len(n)-e > 5
}

func (c *visits) members(s *jsonschema.Schema, v map[string]any) {
	for name, value := range v {
		if !ofMember(s, name, func(s *jsonschema.Schema) bool { return c.affords(s, value) }) || !c.affords(s.PropertyNames, name) {
			return
		}
	}
}

// inPlace calls each for the subschemas that are held against the same value, until it says no.
func inPlace(s *jsonschema.Schema, each func(*jsonschema.Schema) bool) bool {
	for _, one := range []*jsonschema.Schema{s.Ref, s.Not, s.If, s.Then, s.Else} {
		if !each(one) {
			return false
		}
	}
	for _, list := range [][]*jsonschema.Schema{s.AllOf, s.AnyOf, s.OneOf} {
		for _, one := range list {
			if !each(one) {
				return false
			}
		}
	}
	for _, one := range s.DependentSchemas {
		if !each(one) {
			return false
		}
	}
	for _, one := range s.Dependencies {
		if !each(asSchema(one)) {
			return false
		}
	}
	return true
}

func asSchema(v any) *jsonschema.Schema {
	s, _ := v.(*jsonschema.Schema)
	return s
}

// ofMember calls each for the subschemas that may be held against a member's value, until it says no.
func ofMember(s *jsonschema.Schema, name string, each func(*jsonschema.Schema) bool) bool {
	for pattern, one := range s.PatternProperties {
		if pattern.MatchString(name) && !each(one) {
			return false
		}
	}
	return each(s.Properties[name]) && each(asSchema(s.AdditionalProperties)) && each(s.UnevaluatedProperties)
}

// ofItem calls each for the subschemas that may be held against the i-th item, until it says no.
func ofItem(s *jsonschema.Schema, i int, each func(*jsonschema.Schema) bool) bool {
	var own *jsonschema.Schema
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		own = items
	case []*jsonschema.Schema:
		if i < len(items) {
			own = items[i]
		}
	}
	if i < len(s.PrefixItems) && !each(s.PrefixItems[i]) {
		return false
	}
	return each(own) && each(s.Items2020) && each(asSchema(s.AdditionalItems)) && each(s.Contains) && each(s.UnevaluatedItems)
}
