package wasm

// AppendU32 appends n as unsigned LEB128, in the fewest bytes.
func AppendU32(dst []byte, n uint32) []byte {
	for n >= 0x80 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}

// AppendS64 appends n as signed LEB128, in the fewest bytes; it serves 32-bit immediates as well.
func AppendS64(dst []byte, n int64) []byte {
	for {
		low := byte(n & 0x7f)
		n >>= 7
		if (n == 0 && low&0x40 == 0) || (n == -1 && low&0x40 != 0) {
			return append(dst, low)
		}
		dst = append(dst, low|0x80)
	}
}

// AppendName appends a string with its length before it.
func AppendName(dst []byte, name string) []byte {
	return append(AppendU32(dst, uint32(len(name))), name...)
}
