package release

// PAE is what the signatures of an envelope are over.
func PAE(e *Envelope) []byte { return e.pae() }

// Disk is what remembering does to the disk.
type Disk = drive

// HardDisk is the disk itself.
type HardDisk = hardDisk

// On puts another disk under a Trust.
func (t *Trust) On(d Disk) { t.disk = d }

// On puts another disk under the signatures and receipts of a Depot.
func (d *Depot) On(x Disk) { d.disk = x }

// CopyFolder copies a folder of trust.
func CopyFolder(to, from string) error { return copyFolder(to, from) }

// Remembered reads a state and writes it again.
func Remembered(src []byte) ([]byte, error) {
	s, err := readState(src)
	if err != nil {
		return nil, err
	}
	return appendState(s), nil
}

// Received reads a receipt and writes it again.
func Received(src []byte) ([]byte, error) {
	r, err := readReceipt(src)
	if err != nil {
		return nil, err
	}
	return appendReceipt(&r), nil
}
