//go:build race

package meter_test

// raced: the race detector makes the interpreter ten times as slow; tests do less, and
// make test runs them without it as well.
const raced = true
