package pdk

// FunctionPlugin is one export that takes and gives a JSON value of its own shape. It is not safe for concurrent use.
type FunctionPlugin struct {
	guest guest
	call  func(in, settings Value, out []byte) ([]byte, error)
}

// Function is an export that appends its answer, as JSON, to out. It serves the exports for which this package has no
// handler of their own: those of kind compliance (catalog, check, classify).
func Function(call func(in, settings Value, out []byte) ([]byte, error)) *FunctionPlugin {
	return &FunctionPlugin{guest: newGuest(), call: call}
}

// Call is the export's body.
func (p *FunctionPlugin) Call() int32 {
	v, err := p.guest.begin(noSettings)
	if err != nil {
		return p.guest.fail(err)
	}
	p.guest.out, err = p.call(v, p.guest.settings, p.guest.out[:0])
	if err != nil {
		return p.guest.fail(err)
	}
	return p.guest.end()
}
