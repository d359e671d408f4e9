// Package facts finds out what can be known of an action before it happens.
package facts
