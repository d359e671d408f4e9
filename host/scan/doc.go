// Package scan finds what a text hides: personal data, secrets, instructions aimed at a model, and characters that
// people cannot see; and it takes such characters out.
package scan
