package abi_test

import (
	"fmt"

	"agentmesh/pdk/abi"
)

func ExampleReadValue() {
	v, err := abi.ReadValue(`{"user":{"role":"admin"},"rows":[1,2.50]}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(v.Get("user").Get("role").Text())
	fmt.Printf("%s\n", abi.AppendJSON(nil, v.Get("rows")))

	_, err = abi.ReadValue(`{"admin":false,"admin":true}`)
	fmt.Println(err)
	// Output:
	// admin
	// [1,2.50]
	// member "admin" stands twice in the object that ends at byte 28
}

func ExampleReader() {
	var r abi.Reader // reads thousands of messages and allocates for the first few
	for _, src := range []string{`{"n":1}`, `{"n":2}`} {
		v, err := r.Read(src)
		if err != nil {
			fmt.Println(err)
			return
		}
		n, _ := v.Get("n").Int()
		fmt.Println(n)
	}
	// Output:
	// 1
	// 2
}

func ExampleAppendRequest() {
	q := abi.Request{
		Action: abi.ObjectValue(abi.Member{Name: "type", Value: abi.StringValue("export")}),
		Data:   abi.ObjectValue(abi.Member{Name: "contains_pii", Value: abi.BoolValue(true)}),
	}
	fmt.Printf("%s\n", abi.AppendRequest(nil, &q))
	// Output:
	// {"abi":1,"action":{"type":"export"},"data":{"contains_pii":true}}
}

func ExampleReadRequest() {
	q, err := abi.ReadRequest(`{"abi":1,"resource":{"paths":["/etc/passwd"]}}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	path, err := abi.ParsePath("resource.paths[0]")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(q.Lookup(path).Text())
	// Output:
	// /etc/passwd
}

func ExampleReadFindings() {
	found, err := abi.ReadFindings(`{"abi":1,"findings":[{"decision":"deny","rule":"no-pii-export","reason":"personal data"}]}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(found[0].Decision, found[0].Rule)

	_, err = abi.ReadFindings(`{"abi":1,"findings":[{"decision":"allow","rule":"r","Decision":"deny"}]}`)
	fmt.Println(err)
	// Output:
	// deny no-pii-export
	// "Decision" must be left out: the contract has no such member
}

func ExampleAppendVerdict() {
	v := abi.Verdict{Decision: abi.Allow, Code: abi.CodeRule, Rule: "reads", Policy: "local/p", Enforced: true}
	fmt.Printf("%s\n", abi.AppendVerdict(nil, &v))
	fmt.Printf("%s\n", abi.AppendVerdict(nil, &abi.Verdict{})) // nothing said is deny
	// Output:
	// {"decision":"allow","code":"rule","rule":"reads","policy":"local/p","reason":"","warnings":[],"judges":[],"obligations":[],"set":"","id":"","enforced":true}
	// {"decision":"deny","code":"","rule":"","policy":"","reason":"","warnings":[],"judges":[],"obligations":[],"set":"","id":"","enforced":false}
}

func ExampleReadManifest() {
	m, err := abi.ReadManifest(`{"name":"agentmesh/hello","version":"1.0.0","kind":"policy","abi":1}`)
	fmt.Println(m.Name, m.Entry, m.Stages, err)

	_, err = abi.ReadManifest(`{"name":"../hello","version":"1.0.0","kind":"policy","abi":1}`)
	fmt.Println(err)
	// Output:
	// agentmesh/hello extism [pre_tool] <nil>
	// "name" must be scope/name of a-z, 0-9, '.' and '-'
}

func ExampleReadCases() {
	cases, err := abi.ReadCases(`[{"name":"export","request":{"action":{"type":"export"}},"want":{"decision":"deny","rule":"no-export"}}]`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cases[0].Name, cases[0].Want.Decision, cases[0].Want.Rule)
	// Output:
	// export deny no-export
}

func ExampleReadScore() {
	s, err := abi.ReadScore(`{"delta":-5,"reasons":["was withheld"]}`)
	fmt.Println(s.Delta, s.Reasons, err)
	// Output:
	// -5 [was withheld] <nil>
}

func ExampleValue_Lookup() {
	v := abi.ObjectValue(abi.Member{Name: "user", Value: abi.StringValue("ada")})
	for _, text := range []string{"user", "user.role", "nobody"} {
		path, err := abi.ParsePath(text)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(text, "is", v.Lookup(path).Kind())
	}
	// Output:
	// user is string
	// user.role is missing
	// nobody is missing
}

func ExampleAppendCanonical() {
	a, _ := abi.ReadValue(`{"b":5,"a":"x"}`)
	b, _ := abi.ReadValue(`{ "a": "\u0078", "b": 5.0 }`)
	fmt.Println(string(abi.AppendCanonical(nil, a)) == string(abi.AppendCanonical(nil, b)), a.Equal(b))
	// Output:
	// true true
}
