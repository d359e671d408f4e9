package policy

import "agentmesh/pdk/abi"

// ReadValue reads a YAML or (by its name) JSON file of any shape as data, as strictly as a policy is read: what makes YAML
// mean something else than it shows is refused. Members stand in the file's order. The error is of type Errors.
func ReadValue(name, text string) (abi.Value, error) {
	d := newDocument(name, text)
	n, errs := parseFile(d)
	if errs != nil {
		return abi.Value{}, errs.sorted()
	}
	r := &reader{doc: d}
	v := r.value(n)
	if err := r.errs.sorted(); err != nil {
		return abi.Value{}, err
	}
	return v, nil
}
