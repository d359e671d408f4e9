// Command vectors answers the vectors of testdata/abi inside a module: it reads a value or a message and writes it again.
package main

import (
	"encoding/hex"
	"errors"

	"agentmesh/pdk/abi"
	pdk "agentmesh/pdk/go"
)

var plugin = pdk.Function(rewrite)

//go:wasmexport rewrite
func export() int32 { return plugin.Call() }

func main() {}

// rewrite takes {"message","in"} and answers {"out"} or {"error"}; a value also {"kind","canonical"}.
func rewrite(v, _ pdk.Value, out []byte) ([]byte, error) {
	in := v.Get("in").Text()
	if v.Get("in_hex").Exists() {
		b, err := hex.DecodeString(v.Get("in_hex").Text())
		if err != nil {
			return nil, err
		}
		in = string(b)
	}
	text, err := message(v.Get("message").Text(), in)
	if err != nil {
		return abi.AppendJSON(out, abi.ObjectValue(abi.Member{Name: "error", Value: abi.StringValue(err.Error())})), nil
	}
	members := []abi.Member{{Name: "out", Value: abi.StringValue(text)}}
	if v.Get("message").Text() == "value" {
		value, _ := abi.ReadValue(in)
		members = append(members, abi.Member{Name: "kind", Value: abi.StringValue(value.Kind().String())},
			abi.Member{Name: "canonical", Value: abi.StringValue(hex.EncodeToString(abi.AppendCanonical(nil, value)))})
	}
	return abi.AppendJSON(out, abi.ObjectValue(members...)), nil
}

func message(kind, in string) (string, error) {
	switch kind {
	case "value":
		v, err := abi.ReadValue(in)
		return string(abi.AppendJSON(nil, v)), err
	case "request":
		return again(abi.ReadRequest, abi.AppendRequest, in)
	case "verdict":
		return again(abi.ReadVerdict, abi.AppendVerdict, in)
	case "outcome":
		return again(abi.ReadOutcome, abi.AppendOutcome, in)
	case "manifest":
		return again(abi.ReadManifest, abi.AppendManifest, in)
	case "score_request":
		return again(abi.ReadScoreRequest, abi.AppendScoreRequest, in)
	case "score":
		return again(abi.ReadScore, abi.AppendScore, in)
	case "findings":
		fs, err := abi.ReadFindings(in)
		return string(abi.AppendFindings(nil, fs)), err
	case "cases":
		cs, err := abi.ReadCases(in)
		return string(abi.AppendCases(nil, cs)), err
	case "path":
		p, err := abi.ParsePath(in)
		return string(abi.AppendPath(nil, p)), err
	default:
		return "", errors.New("no such message")
	}
}

func again[T any](read func(string) (T, error), write func([]byte, *T) []byte, in string) (string, error) {
	m, err := read(in)
	return string(write(nil, &m)), err
}
