package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/chhost/chhost/abi"
)

// envPrefix begins the names of the variables.
const envPrefix = "CHHOST_"

// foreign begins the names of the variables that Kubernetes gives to a container
// beside a service of the name chhost. No row may begin so.
var foreign = []string{envPrefix + "SERVICE_", envPrefix + "PORT"}

// others are the variables of commands that talk to a host. No row may have one.
var others = []string{envPrefix + "CONTEXT", envPrefix + "SERVER", envPrefix + "TENANT", envPrefix + "TOKEN", envPrefix + "TOKEN_FILE", envPrefix + "CA"}

// Environment reads an environment in the form of [os.Environ]. A list is one
// value as it is, or several as the file has them: ["a", "b"]. A variable that names
// no row is a fault only if it is near one: an environment belongs to many programs.
// The error is [Faults].
func (t Table) Environment(environ []string) (Values, error) {
	values := make(Values)
	var faults Faults
	for _, variable := range slices.Sorted(slices.Values(environ)) {
		name, text, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(others, name) || slices.ContainsFunc(foreign, func(f string) bool { return strings.HasPrefix(name, f) }) {
			continue
		}
		i := slices.IndexFunc(t, func(r Row) bool { return r.Env() == name })
		if i < 0 {
			if near := t.nearestVariable(name); near != "" {
				faults = append(faults, fmt.Sprintf("%s: there is no such variable: did you mean %s?", name, near))
			}
			continue
		}
		row := t[i]
		texts := []string{text}
		if row.Kind == Texts && strings.HasPrefix(text, "[") {
			var list struct{ Texts []string }
			if err := toml.Unmarshal([]byte("Texts = "+text), &list); err != nil {
				faults = append(faults, fmt.Sprintf("%s: %q: expected one value, or %s", name, text, row.Expects()))
				continue
			}
			texts = list.Texts
		}
		if len(texts) > 0 && !row.accepts(texts[0]) {
			faults = append(faults, fmt.Sprintf("%s: %q: expected %s", name, text, row.Expects()))
			continue
		}
		values[row.Name] = Value{texts, name}
	}
	return values, faults.orNil()
}

// nearestVariable is the one that was most likely meant, or "".
func (t Table) nearestVariable(name string) string {
	names := t.names(func(Row) bool { return true }, func(r Row) string { return strings.TrimPrefix(r.Env(), envPrefix) })
	near := abi.Nearest(strings.TrimPrefix(name, envPrefix), names)
	if near == "" {
		return ""
	}
	return envPrefix + near
}
