//go:build !unix

package sandbox

import "github.com/tetratelabs/wazero/experimental"

// allocator is none: the engine takes memory from the heap.
func allocator() experimental.MemoryAllocator { return nil }
