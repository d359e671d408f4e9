//go:build !unix

package api

// privateFiles does nothing where files have no mode; a socket's folder keeps others out there.
func privateFiles() (restore func()) { return func() {} }
