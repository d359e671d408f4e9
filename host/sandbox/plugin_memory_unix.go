//go:build unix

package sandbox

import (
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// mapped is an instance's memory, mapped for its largest size at once so that it never moves.
type mapped struct {
	all []byte
}

func allocator() experimental.MemoryAllocator {
	return experimental.MemoryAllocatorFunc(func(_, most uint64) experimental.LinearMemory {
		all, err := syscall.Mmap(-1, 0, int(max(most, 1)), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			panic(err) // instantiate recovers it
		}
		return &mapped{all}
	})
}

// Reallocate implements experimental.LinearMemory.
func (m *mapped) Reallocate(size uint64) []byte {
	if size > uint64(len(m.all)) {
		return nil
	}
	return m.all[:size]
}

// Free implements experimental.LinearMemory.
func (m *mapped) Free() {
	if m.all != nil {
		syscall.Munmap(m.all) // what was mapped can be unmapped
		m.all = nil
	}
}
