package gate

import (
	"encoding/binary"
	"encoding/hex"
	"io"
	"time"
)

// appendID appends a UUID of version 7 (RFC 9562): milliseconds since 1970 in 48 bits, the fraction of the millisecond in 12,
// and 62 random bits. Ids made later sort later, as far as the clock tells.
func appendID(dst []byte, now time.Time, entropy io.Reader, room *[16]byte) ([]byte, error) {
	if _, err := io.ReadFull(entropy, room[8:]); err != nil {
		return dst, err
	}
	ns := now.UnixNano()
	ms, rest := ns/int64(time.Millisecond), ns%int64(time.Millisecond)
	binary.BigEndian.PutUint64(room[:8], uint64(ms)<<16|0x7000|uint64(rest<<12/int64(time.Millisecond)))
	room[8] = room[8]&0x3f | 0x80
	for i, part := range [5][]byte{room[:4], room[4:6], room[6:8], room[8:10], room[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst, nil
}

// timeFormat is context.time: RFC 3339, UTC, milliseconds, fixed width.
const timeFormat = "2006-01-02T15:04:05.000Z"

// appendTime is now in timeFormat, at a fraction of what Format costs.
func appendTime(dst []byte, now time.Time) []byte {
	now = now.UTC()
	year, month, day := now.Date()
	if year < 0 || year > 9999 {
		return now.AppendFormat(dst, timeFormat)
	}
	hour, minute, second := now.Clock()
	dst = append(digits(dst, year, 4), '-')
	dst = append(digits(dst, int(month), 2), '-')
	dst = append(digits(dst, day, 2), 'T')
	dst = append(digits(dst, hour, 2), ':')
	dst = append(digits(dst, minute, 2), ':')
	dst = append(digits(dst, second, 2), '.')
	return append(digits(dst, now.Nanosecond()/int(time.Millisecond), 3), 'Z')
}

func digits(dst []byte, n, width int) []byte {
	for i := width; i > 0; i-- {
		dst = append(dst, '0')
	}
	for i := len(dst) - 1; n > 0; i-- {
		dst[i] += byte(n % 10)
		n /= 10
	}
	return dst
}
