package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/chhost/chhost/abi"
)

// maxFile is the size in bytes of the largest file that is read.
const maxFile = 1 << 20

// Read reads a file in TOML. The error is [Faults], unless the file cannot be read.
func (t Table) Read(file string) (Values, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s", file)
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory: name the file in it", file)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s has %d bytes, which is no configuration: at most %d", file, info.Size(), maxFile)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return t.Parse(file, text)
}

// Parse is Read of a text; file is what the places of values are called by, and its
// directory is where the files are sought that the text names.
func (t Table) Parse(file string, text []byte) (Values, error) {
	keys, err := findKeys(file, text)
	if err != nil {
		return nil, err
	}
	var found map[string]any
	if err := toml.Unmarshal(text, &found); err != nil {
		return nil, syntax(file, err)
	}
	values := make(Values, len(found))
	var faults Faults
	for _, key := range keys {
		row, ok := t.Find(key.name)
		if !ok || row.FlagOnly {
			faults = append(faults, key.source+": "+t.unknownKey(key.name))
			continue
		}
		texts, ok := row.texts(found[key.name])
		if !ok {
			faults = append(faults, fmt.Sprintf("%s: %s = %v: expected %s", key.source, key.name, printed(found[key.name]), row.Expects()))
			continue
		}
		for i := range texts {
			texts[i] = row.Path.from(filepath.Dir(file), texts[i])
		}
		values[key.name] = Value{texts, key.source}
	}
	return values, faults.orNil()
}

// key is one at the file's top level.
type key struct {
	name   string
	source string
}

// findKeys lists the keys of a text with the lines that they stand in. The library
// tells the lines of keys only where it refuses them: a struct without fields has it
// refuse all.
func findKeys(file string, text []byte) ([]key, error) {
	decoder := toml.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&struct{}{})
	var refused *toml.StrictMissingError
	if !errors.As(err, &refused) {
		return nil, syntax(file, err)
	}
	var keys []key
	for _, e := range refused.Errors {
		line, _ := e.Position()
		name := e.Key()[0]
		if !slices.ContainsFunc(keys, func(k key) bool { return k.name == name }) {
			keys = append(keys, key{name, fmt.Sprintf("%s:%d", file, line)})
		}
	}
	return keys, nil
}

// syntax is what the library says of a text that is no TOML, with its place.
func syntax(file string, err error) error {
	var fault *toml.DecodeError
	if !errors.As(err, &fault) {
		return err
	}
	line, column := fault.Position()
	return Faults{fmt.Sprintf("%s:%d:%d: %s", file, line, column, strings.TrimPrefix(fault.Error(), "toml: "))}
}

func (t Table) unknownKey(name string) string {
	text := fmt.Sprintf("there is no key %q", name)
	near := abi.Nearest(name, t.names(func(r Row) bool { return !r.FlagOnly }, func(r Row) string { return r.Name }))
	if near != "" {
		return text + fmt.Sprintf(": did you mean %q?", near)
	}
	return text + ": chhost config doc lists them"
}

// texts is a value of the file as a flag takes it; false if it is of another type.
func (r Row) texts(value any) ([]string, bool) {
	if list, ok := value.([]any); ok && r.Kind == Texts {
		texts := make([]string, len(list))
		for i, element := range list {
			text, ok := element.(string)
			if !ok {
				return nil, false
			}
			texts[i] = text
		}
		return texts, true
	}
	var text string
	switch value := value.(type) {
	case string:
		text = value
		if r.Kind != Text && r.Kind != Time && r.Kind != Size {
			return nil, false
		}
	case bool:
		text = strconv.FormatBool(value)
		if r.Kind != Switch {
			return nil, false
		}
	case int64:
		text = strconv.FormatInt(value, 10)
		if r.Kind != Number && r.Kind != Size {
			return nil, false
		}
	default:
		return nil, false
	}
	return []string{text}, r.accepts(text)
}

// printed is a value of the wrong type as the file has it, or what it is called.
func printed(value any) string {
	switch value := value.(type) {
	case string:
		return strconv.Quote(value)
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	}
	return cmp.Or(fmt.Sprint(value), "nothing")
}

// from is a value with the file that it names sought from dir.
func (p Path) from(dir, value string) string {
	head, name := "", value
	switch p {
	case PathInKeys:
		words := strings.Fields(value)
		for i, word := range words {
			if file, ok := strings.CutPrefix(word, "keys="); ok {
				words[i] = "keys=" + WholePath.from(dir, file)
			}
		}
		return strings.Join(words, " ")
	case NoPath:
		return value
	case PathAtEqual:
		i := strings.LastIndexByte(value, '=')
		head, name = value[:i+1], value[i+1:]
	}
	if name == "" || filepath.IsAbs(name) {
		return value
	}
	return head + filepath.Join(dir, name)
}
