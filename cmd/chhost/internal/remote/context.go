package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/chhost/chhost/abi"
)

// Context is a host and who one is to it.
type Context struct {
	// Server is the address of the admin API.
	Server string `json:"server"`
	// Tenant is the one that is meant if none is named. Default "default".
	Tenant string `json:"tenant,omitempty"`
	// Token is a secret.
	Token string `json:"token,omitempty"`
	// Plain is [Config.Plain], and CA is [Config.CA]: the certificates themselves, so that
	// whom the token goes to does not change with a file elsewhere.
	Plain bool   `json:"plain,omitempty"`
	CA    string `json:"ca,omitempty"`
}

// Contexts are those that a user has, by name.
type Contexts struct {
	// Current is the name of the one that is used. Empty: none.
	Current  string             `json:"current,omitempty"`
	Contexts map[string]Context `json:"contexts,omitempty"`
}

// maxContexts is how large the file may be, in bytes.
const maxContexts = 1 << 20

// ContextsFile is where the contexts of a user are.
func ContextsFile(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "chhost", "contexts.json"), nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("there is no place for contexts: %w; set XDG_CONFIG_HOME, or name --server and CHHOST_TOKEN", err)
	}
	return filepath.Join(dir, "chhost", "contexts.json"), nil
}

// ReadContexts reads them; a file that is not there has none. One that others may read
// is refused: it holds tokens.
func ReadContexts(file string) (Contexts, error) {
	var all Contexts
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return all, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return all, err
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return all, fmt.Errorf("others may look into %s, which holds tokens: chmod 600 it", file)
	}
	data, err := readAll(f, maxContexts)
	if err != nil {
		return all, fmt.Errorf("%s: %w", file, err)
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return all, fmt.Errorf("%s cannot be read: %w; delete it and log in again", file, err)
	}
	return all, nil
}

// Write replaces the file as a whole, for the user alone.
func (all Contexts) Write(file string) error {
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if len(data) >= maxContexts {
		return fmt.Errorf("the contexts are too many for %s: chhost logout NAME forgets one", file)
	}
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	part, err := os.CreateTemp(dir, ".contexts-*") // its mode is 0600
	if err != nil {
		return err
	}
	_, err = part.Write(append(data, '\n'))
	if err = errors.Join(err, part.Sync(), part.Close()); err == nil {
		err = os.Rename(part.Name(), file)
	}
	if err != nil {
		_ = os.Remove(part.Name())
	}
	return err
}

// Names are the contexts' names, sorted.
func (all Contexts) Names() []string { return slices.Sorted(maps.Keys(all.Contexts)) }

// Find returns the context of a name, and the current one if that is empty; without
// any the second result is false.
func (all Contexts) Find(name string) (Context, bool, error) {
	if name == "" {
		name = all.Current
	}
	if name == "" {
		return Context{}, false, nil
	}
	found, ok := all.Contexts[name]
	if !ok {
		text := fmt.Sprintf("there is no context %q", name)
		if near := abi.Nearest(name, all.Names()); near != "" {
			text += fmt.Sprintf(": did you mean %q?", near)
		}
		return Context{}, false, errors.New(text + " (chhost contexts lists them, chhost login makes one)")
	}
	return found, true, nil
}

// Put adds a context or replaces it, and makes it the current one.
func (all *Contexts) Put(name string, c Context) {
	if all.Contexts == nil {
		all.Contexts = make(map[string]Context)
	}
	all.Contexts[name], all.Current = c, name
}

// Remove forgets a context and tells whether it was there. If it was the current one
// there is none then, unless one other is left.
func (all *Contexts) Remove(name string) bool {
	if _, ok := all.Contexts[name]; !ok {
		return false
	}
	delete(all.Contexts, name)
	if all.Current == name {
		all.Current = ""
		if len(all.Contexts) == 1 {
			all.Current = all.Names()[0]
		}
	}
	return true
}
