package wasm

import "fmt"

// ScanError is why a module was not read: it is malformed, uses what is not served here, or exceeds a limit.
type ScanError struct {
	// Offset is where in the module, in bytes.
	Offset int
	// What names the fault.
	What string
	// Limit is the most there may be and Got what there is; both are 0 when no limit was exceeded.
	Limit, Got uint64
}

// Error says where and what, and by how much a limit is exceeded.
func (e *ScanError) Error() string {
	if e.Got == 0 {
		return fmt.Sprintf("wasm: offset %d: %s", e.Offset, e.What)
	}
	return fmt.Sprintf("wasm: offset %d: %s: %d, the limit is %d", e.Offset, e.What, e.Got, e.Limit)
}
