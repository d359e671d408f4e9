package api_test

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"agentmesh/host/api"
)

// document is the description as it is served, and its schemas ready to use.
type document struct {
	Paths    map[string]map[string]operation
	compiler *jsonschema.Compiler
}

type operation struct {
	RequestBody struct {
		Content map[string]struct {
			Examples map[string]struct{ Value json.RawMessage }
		}
	}
	Responses map[string]struct {
		Ref     string `json:"$ref"`
		Content map[string]any
	}
}

func loadDocument(t *testing.T) *document {
	t.Helper()
	w := httptest.NewRecorder()
	api.TCP(config(&asked{})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/openapi.json", nil))
	var d document
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatalf("GET /openapi.json: %v", err)
	}
	whole, err := jsonschema.UnmarshalJSON(strings.NewReader(w.Body.String()))
	if err != nil {
		t.Fatal(err)
	}
	d.compiler = jsonschema.NewCompiler()
	if err := d.compiler.AddResource("mem:openapi", whole); err != nil {
		t.Fatal(err)
	}
	return &d
}

// valid holds JSON against the schema at a JSON pointer of the description.
func (d *document) valid(t *testing.T, pointer, text string) error {
	t.Helper()
	schema, err := d.compiler.Compile("mem:openapi#" + pointer)
	if err != nil {
		t.Fatalf("schema %s: %v", pointer, err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// described holds an answer against the description: its status must be listed for the operation, its type for the
// status, and JSON must satisfy the schema.
func described(t *testing.T, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	d := loadDocument(t)
	op, ok := d.Paths[r.URL.Path][strings.ToLower(r.Method)]
	if !ok {
		t.Errorf("%s %s is not described", r.Method, r.URL.Path)
		return
	}
	status := strconv.Itoa(w.Code)
	response, ok := op.Responses[status]
	if !ok {
		t.Errorf("%s %s: the status %s is not described", r.Method, r.URL.Path, status)
		return
	}
	media, _, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil {
		t.Errorf("%s %s: content type %q: %v", r.Method, r.URL.Path, w.Header().Get("Content-Type"), err)
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1").Replace
	pointer := "/paths/" + escape(r.URL.Path) + "/" + strings.ToLower(r.Method) + "/responses/" + status + "/content/" + escape(media) + "/schema"
	if response.Ref != "" {
		pointer = strings.TrimPrefix(response.Ref, "#") + "/content/" + escape(media) + "/schema"
	} else if _, ok := response.Content[media]; !ok {
		t.Errorf("%s %s: a %s of type %s is not described", r.Method, r.URL.Path, status, media)
		return
	}
	if strings.HasSuffix(media, "json") {
		if err := d.valid(t, pointer, w.Body.String()); err != nil {
			t.Errorf("%s %s answers what is not described: %v\n%s", r.Method, r.URL.Path, err, w.Body)
		}
	}
}

func TestDescribedPathsAnswer(t *testing.T) {
	d := loadDocument(t)
	if len(d.Paths) < 6 {
		t.Fatalf("the description has %d paths, want all 6", len(d.Paths))
	}
	for path, operations := range d.Paths {
		for method, op := range operations {
			bodies := []string{""}
			if method == "post" {
				bodies = nil
				for _, example := range op.RequestBody.Content["application/json"].Examples {
					bodies = append(bodies, string(example.Value))
				}
			}
			if len(bodies) == 0 {
				t.Errorf("%s %s has no example", method, path)
			}
			for _, body := range bodies {
				r := request(body, nil)
				r.Method, r.URL.Path = strings.ToUpper(method), path
				if w := serve(t, api.TCP(config(&asked{})), r); w.Code != http.StatusOK {
					t.Errorf("%s %s: got %d %s, want 200", method, path, w.Code, w.Body)
				}
				if method == "post" {
					if err := d.valid(t, "/components/schemas/Request", body); err != nil {
						t.Errorf("the example of %s is no request: %v", path, err)
					}
				}
			}
		}
	}
}

// TestEveryCodeIsDescribed holds the description against the codes that the contract and the gate declare.
func TestEveryCodeIsDescribed(t *testing.T) {
	var declared []string
	for _, dir := range []string{"../../pdk/abi", "../gate"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`Code\s*= "([a-z_]+)"`).FindAllStringSubmatch(string(text), -1) {
				declared = append(declared, m[1])
			}
		}
	}
	if len(declared) < 15 {
		t.Fatalf("found only the codes %v", declared)
	}
	description, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range declared {
		if !regexp.MustCompile(`\b` + code + `\b`).Match(description) {
			t.Errorf("the code %s is not described", code)
		}
	}
}

func TestDescribedSchemasRefuse(t *testing.T) {
	d := loadDocument(t)
	for pointer, text := range map[string]string{
		"/components/schemas/Request": `{"Action":{}}`,
		"/components/schemas/Verdict": `{"decision":"allow"}`,
		"/components/schemas/Status":  `{"status":"fine","set":"","judges":0,"reasons":[]}`,
		"/components/schemas/Problem": `{"title":"x","status":400,"code":"other","detail":"x"}`,
	} {
		if d.valid(t, pointer, text) == nil {
			t.Errorf("%s takes %s", pointer, text)
		}
	}
}
