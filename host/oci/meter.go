package oci

import "io"

// meter counts bytes for whoever shows progress.
type meter struct {
	report      func(done, total int64)
	done, total int64
}

func (c *Client) meter(parts []Layer) *meter {
	m := &meter{report: c.o.Progress}
	for _, p := range parts {
		m.total += int64(len(p.Data))
	}
	m.add(0)
	return m
}

func (m *meter) add(n int64) {
	if m == nil || m.report == nil {
		return
	}
	m.done += n
	m.report(min(m.done, m.total), m.total)
}

// counted tells a meter what was read.
type counted struct {
	io.Reader
	meter *meter
	n     int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	c.meter.add(int64(n))
	return n, err
}
