// Command echo is the smallest MCP server there is to measure with: on stdin and stdout, each answer as soon as the request
// has been read, and all it does is to copy.
//
// It passes for a file server. read_text_file answers with the text that stands in ECHO_TEXT, as it is written in JSON,
// ECHO_TIMES times; write_file with a short word, and every other request with an empty result. The requests are searched,
// not parsed.
//
// With ECHO_DELAY=N it takes N milliseconds to start, as interpreted servers do. With ECHO_HOLD=N it keeps the answers to calls back until N of them are due, and then gives the last one first. Each is
// then "answer to ID".
package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	time.Sleep(time.Duration(number("ECHO_DELAY", 0)) * time.Millisecond)
	if err := serve(os.Stdin, os.Stdout); err != nil {
		os.Exit(1)
	}
}

const (
	opening = `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"echo","version":"1.0.0"}}`
	tools   = `{"tools":[` +
		`{"name":"read_text_file","description":"Reads a file.","inputSchema":{"type":"object","properties":{"path":{"type":"string"}}}},` +
		`{"name":"write_file","description":"Writes a file.","inputSchema":{"type":"object","properties":{"path":{"type":"string"},"content":{"type":"string"}}}}]}`
	written = `{"content":[{"type":"text","text":"done"}]}`
)

func serve(in io.Reader, out io.Writer) error {
	read := `{"content":[{"type":"text","text":"` + strings.Repeat(os.Getenv("ECHO_TEXT"), number("ECHO_TIMES", 1)) + `"}]}`
	hold := holder{number("ECHO_HOLD", 0), nil}
	r := bufio.NewReaderSize(in, 64<<10)
	var line, answer []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			return nil
		}
		if id := idOf(line); id != nil {
			answer = appendAnswer(answer[:0], id, resultOf(line, read))
			if hold.most > 0 && bytes.Contains(line, []byte(`"tools/call"`)) {
				answer = hold.add(id)
			}
			if _, err := out.Write(answer); err != nil {
				return err
			}
		}
		line = line[:0]
	}
}

func appendAnswer(dst, id []byte, result string) []byte {
	dst = append(append(append(dst, `{"jsonrpc":"2.0","id":`...), id...), `,"result":`...)
	return append(append(dst, result...), '}', '\n')
}

// holder keeps the ids of calls back until there are enough of them.
type holder struct {
	most int
	ids  []string
}

// add gives all the answers, once they are due.
func (h *holder) add(id []byte) (answers []byte) {
	if h.ids = append(h.ids, string(id)); len(h.ids) < h.most {
		return nil
	}
	for _, id := range slices.Backward(h.ids) {
		answers = appendAnswer(answers, []byte(id), `{"content":[{"type":"text","text":"answer to `+id+`"}]}`)
	}
	h.ids = nil
	return answers
}

// number is a variable's value.
func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// idOf is the number that is a request's id; nil where there is none, as in notifications. Requests name it before anything
// that may be long.
func idOf(line []byte) []byte {
	_, rest, found := bytes.Cut(line[:min(len(line), 64)], []byte(`"id":`))
	if !found {
		return nil
	}
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	return rest[:n]
}

func resultOf(line []byte, read string) string {
	head := line[:min(len(line), 160)]
	switch {
	case bytes.Contains(head, []byte(`"read_text_file"`)):
		return read
	case bytes.Contains(head, []byte(`"write_file"`)):
		return written
	case bytes.Contains(head, []byte(`"initialize"`)):
		return opening
	case bytes.Contains(head, []byte(`"tools/list"`)):
		return tools
	}
	return `{}`
}
