package mcp

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"agentmesh/pdk/abi"
)

// The bounds of an outputSchema that is checked. A server writes it, so it may be meant to cost.
const (
	maxSchemaBytes = 256 << 10
	// maxSchemaVisits is how often a value may be held against a subschema in one check: several times what 1 MiB of small
	// values takes, and less than a second of work.
	maxSchemaVisits = 500_000
	keptSchemas     = 256
)

// schemas compiles output schemas when they are first needed, and keeps them. The zero value is ready, and safe for
// concurrent use.
type schemas struct {
	mu   sync.Mutex
	kept map[[sha256.Size]byte]*compiled
}

type compiled struct {
	once   sync.Once
	schema *jsonschema.Schema
	err    error
}

// check holds a JSON text against a schema. A schema that cannot be compiled, or costs too much, is an error as well.
func (s *schemas) check(schema abi.Value, text []byte) error {
	c := s.of(abi.AppendJSON(nil, schema))
	if c.err != nil {
		return c.err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	cost := visits{left: maxSchemaVisits}
	if !cost.affords(c.schema, v) {
		return errors.New("the schema takes too long to check")
	}
	if err := c.schema.Validate(v); err != nil {
		return briefly(err)
	}
	return nil
}

// briefly is the innermost cause of a validation error, where it is and no value.
func briefly(err error) error {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return err
	}
	for len(v.Causes) > 0 {
		v = v.Causes[0]
	}
	where := ""
	for _, step := range v.InstanceLocation {
		where += "/" + step
	}
	return fmt.Errorf("%.200q does not satisfy %v", where, v.ErrorKind.KeywordPath())
}

func (s *schemas) of(text []byte) *compiled {
	key := sha256.Sum256(text)
	s.mu.Lock()
	c := s.kept[key]
	if c == nil {
		if s.kept == nil || len(s.kept) >= keptSchemas {
			s.kept = map[[sha256.Size]byte]*compiled{}
		}
		c = new(compiled)
		s.kept[key] = c
	}
	s.mu.Unlock()
	c.once.Do(func() { c.schema, c.err = compileSchema(text) })
	return c
}

func compileSchema(text []byte) (*jsonschema.Schema, error) {
	if len(text) > maxSchemaBytes {
		return nil, fmt.Errorf("the schema has more than %d bytes", maxSchemaBytes)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	const name = "agentmesh:outputSchema"
	if err := c.AddResource(name, doc); err != nil {
		return nil, fmt.Errorf("the schema: %w", err)
	}
	schema, err := c.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("the schema: %w", err)
	}
	return schema, nil
}

// noLoader fetches nothing: a schema stands alone.
type noLoader struct{}

// Load refuses.
func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("refers to %.200q, and nothing is fetched", url)
}
