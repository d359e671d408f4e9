package release

// PAE is what the signatures of an envelope are over.
func PAE(e *Envelope) []byte { return e.pae() }
