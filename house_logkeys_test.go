package chhost_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"testing"
)

// logKeys are the keys of the host's log lines, and what each one's value is: one
// thing has one name, so that a line can be searched for. Payloads have none.
var logKeys = map[string]string{
	"back": "whether a deploy is a roll back", "callback": "which of a plugin's callbacks, as package abi calls it", "conflated": "broadcasts left out for newer ones", "count": "how many",
	"crashes": "of a version, since when they count", "delay": "until a shutdown refuses anything", "digest": "of a module, its first 8 digits",
	"dropped":        "what was left out, in number",
	"dropped_before": "lines like this one that were left out", "earlier": "the route that takes another's topics", "err": "an error", "event": "of a message",
	"file": "the name of a file", "from": "when a certificate begins to hold", "hops": "of a broadcast that others have caused", "host": "the name that a request asked for",
	"limit": "what was exceeded", "lines_per_second": "that a plugin may log", "origin": "of a browser's page",
	"output": "of the compiler", "panic": "what the host panicked with", "pause": "how long a client is not read", "percent": "of the topics that a canary takes", "plugin": "name@version",
	"previous": "the version before a deploy",
	"reason":   "as clients see it", "retry_after": "how long to wait", "route": "a pattern of topics", "socket": "its id", "stack": "where a panic or a trap was",
	"strategy": "of a deploy",
	"tenant":   "its name", "topic": "of a channel or a message", "until": "when a certificate ends", "why": "something was not done", "window": "in which sockets are closed",
}

func TestLogKeys(t *testing.T) {
	var packages []*sourcePackage
	for _, p := range rootPackages(t) {
		if under(p.dir, "host") && !isKit(p.dir) {
			packages = append(packages, p)
		}
	}
	report(t, judgeLogKeys(logKeys, packages))
}

// judgeLogKeys finds keys of log lines that are not in the table, keys that are no
// constants, and values without a key.
func judgeLogKeys(known map[string]string, packages []*sourcePackage) []string {
	var faults []string
	used := map[string]bool{}
	for _, p := range packages {
		for _, f := range p.files {
			ast.Inspect(f.tree, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				for _, arg := range keysOf(call) {
					key, ok := literal(arg)
					switch {
					case !ok:
						faults = append(faults, fmt.Sprintf("%s: the key of a log line is no constant: name it, so that it can be searched for", p.at(f, arg)))
					case known[key] == "":
						faults = append(faults, fmt.Sprintf("%s: the log key %q is not among logKeys: use the one that means the same, or add it with what it is", p.at(f, arg), key))
					}
					used[key] = true
				}
				return true
			})
		}
	}
	return append(faults, stale("logKeys", known, used)...)
}

// keysOf lists the arguments of a call that are keys of a log line: those behind a
// constant message, and that of an attribute.
func keysOf(call *ast.CallExpr) []ast.Expr {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return nil
	}
	if of, ok := method.X.(*ast.Ident); ok && of.Name == "slog" {
		if slices.Contains([]string{"Any", "Bool", "Duration", "Float64", "Group", "Int", "Int64", "String", "Time", "Uint64"}, method.Sel.Name) {
			return call.Args[:1]
		}
		return nil
	}
	if !slices.Contains([]string{"Debug", "Error", "Info", "Warn"}, method.Sel.Name) {
		return nil
	}
	if _, ok := literal(call.Args[0]); !ok || call.Ellipsis.IsValid() {
		return nil // of attributes, which are found where they are made
	}
	var keys []ast.Expr
	for i := 1; i < len(call.Args); i++ {
		if made, ok := call.Args[i].(*ast.CallExpr); ok && len(keysOf(made)) > 0 {
			continue // an attribute
		}
		keys = append(keys, call.Args[i])
		i++ // its value
	}
	return keys
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

func TestRuleLogKeys(t *testing.T) {
	known := map[string]string{"topic": "t", "err": "e"}
	judge := func(statement string) []string {
		return judgeLogKeys(known, []*sourcePackage{fixture(t, "host/low/a.go", "package low\nfunc f() {\n\tlog.Info(\"both\", \"err\", e, \"topic\", t)\n\t"+statement+"\n}")})
	}
	expect(t, judge(`log.Warn("a", "topic", x, slog.String("err", y))`))
	expect(t, judge(`log.Warn("a", attrs...)`))
	expect(t, judge(`log.Warn("a", "error", x)`), `a.go:4: the log key "error"`)
	expect(t, judge(`l.log.Error("a", slog.Int("error", x), "topic", y)`), `the log key "error"`)
	expect(t, judge(`log.With(slog.String("room", x))`), `the log key "room"`)
	expect(t, judge(`log.Debug("a", name, x)`), "no constant")
	expect(t, judgeLogKeys(known, nil), "err, which is no longer there", "topic, which is no longer there")
}
