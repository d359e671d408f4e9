package pdk

import "errors"

// guest is what every kind of plugin does around its handler: read the settings once and the input at each call, write
// the answer. Its buffers are used again, so a call allocates only where its input is larger than any before.
type guest struct {
	host       host
	settings   Value
	configured bool
	doc        document
	in, out    []byte
	calls      int
}

// Room that a plugin has from the start: where a host puts memory back after every call, what a call makes for itself it
// makes at every call.
const (
	roomInput  = 8 << 10
	roomOutput = 2 << 10
	roomNodes  = 256
	roomList   = 16
)

func newGuest() guest {
	g := guest{in: make([]byte, 0, roomInput), out: make([]byte, 0, roomOutput)}
	g.doc.nodes = make([]node, roomNodes)
	g.doc.text = make([]byte, 0, roomOutput)
	g.doc.order = make([]int32, 0, roomNodes)
	return g
}

// collectEvery is how many calls pass between collections of the handler's garbage. A Go guest that answers calls is never
// idle, and its own collector falls behind for ever.
const collectEvery = 512

// begin reads the input. Where the settings are not read yet it reads them first and has configure take them; should
// they not do, the next call says so again.
func (g *guest) begin(configure func(Value) error) (Value, error) {
	g.calls++
	if g.calls%collectEvery == 0 {
		collect()
	}
	if !g.configured {
		if err := g.readSettings(configure); err != nil {
			return Value{}, errors.New("settings: " + err.Error())
		}
		g.configured = true
	}
	g.in = g.host.input(g.in[:0])
	if len(g.in) == 0 {
		return Value{}, errors.New("the input is empty")
	}
	if err := g.doc.read(g.in); err != nil {
		return Value{}, errors.New("input: " + err.Error())
	}
	return Value{doc: &g.doc}, nil
}

func (g *guest) readSettings(configure func(Value) error) error {
	text := string(g.host.setting(nil))
	g.settings = Value{}
	if text != "" {
		v, err := ReadValue(text)
		if err != nil {
			return err
		}
		g.settings = v
	}
	return configure(g.settings)
}

func (g *guest) fail(err error) int32 {
	g.host.fail(err.Error())
	return 1
}

func (g *guest) end() int32 {
	g.host.output(g.out)
	return 0
}
