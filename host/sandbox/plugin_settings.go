package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"agentmesh/pdk/abi"
)

// settingsSchema checks settings; nil where a plugin takes none.
type settingsSchema struct {
	schema *jsonschema.Schema
}

// noSchemas refuses to fetch what a schema refers to outside itself: a manifest reaches nothing.
type noSchemas struct{}

func (noSchemas) Load(url string) (any, error) {
	return nil, errors.New("it refers to " + url + "; a settings schema must stand on its own")
}

func newSettingsSchema(v abi.Value) (*settingsSchema, error) {
	if !v.Exists() {
		return nil, nil
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(abi.AppendJSON(nil, v))))
	if err != nil {
		return nil, err
	}
	const name = "manifest.json"
	c := jsonschema.NewCompiler()
	c.UseLoader(noSchemas{})
	if err := c.AddResource(name, doc); err != nil {
		return nil, err
	}
	schema, err := c.Compile(name)
	if err != nil {
		return nil, err
	}
	return &settingsSchema{schema}, nil
}

// canonical checks settings and writes them as plugins read them: one JSON object, names sorted.
func (s *settingsSchema) canonical(v abi.Value) (string, error) {
	if !v.Exists() {
		v = abi.ObjectValue()
	}
	if v.Kind() != abi.Object {
		return "", errors.New("settings are an object")
	}
	text := string(abi.AppendJSON(nil, sorted(v)))
	if s == nil {
		if v.Len() > 0 {
			return "", errors.New("the plugin takes no settings: its manifest has no schema of them")
		}
		return text, nil
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return "", err
	}
	if err := s.schema.Validate(doc); err != nil {
		return "", errors.New(why(err))
	}
	return text, nil
}

// why says where settings break their schema, one place after the other.
func why(err error) string {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return err.Error()
	}
	printer := message.NewPrinter(language.English)
	var out []string
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			out = append(out, fmt.Sprintf("at /%s: %s", strings.Join(e.InstanceLocation, "/"), e.ErrorKind.LocalizedString(printer)))
		}
		for _, c := range e.Causes {
			walk(c)
		}
	}
	walk(v)
	return strings.Join(out, "; ")
}

// sorted is the value with the members of all objects by name.
func sorted(v abi.Value) abi.Value {
	switch v.Kind() {
	case abi.Object:
		members := slices.Clone(v.Items())
		for i := range members {
			members[i].Value = sorted(members[i].Value)
		}
		slices.SortFunc(members, func(a, b abi.Member) int { return strings.Compare(a.Name, b.Name) })
		return abi.ObjectValue(members...)
	case abi.List:
		items := make([]abi.Value, v.Len())
		for i := range items {
			items[i] = sorted(v.At(i))
		}
		return abi.ListValue(items...)
	default:
		return v
	}
}

func digestText(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// SettingsOf makes settings of what a configuration file holds. Numbers, strings, booleans, lists and objects by name are
// taken.
func SettingsOf(v any) (abi.Value, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return abi.Value{}, fmt.Errorf("settings: %w", err)
	}
	out, err := abi.ReadValue(string(text))
	if err != nil {
		return abi.Value{}, fmt.Errorf("settings: %w", err)
	}
	return out, nil
}
