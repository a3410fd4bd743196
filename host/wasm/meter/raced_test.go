//go:build race

package meter_test

// raced: the race detector makes the interpreter ten times as slow; tests do less.
const raced = true
