package scaffold

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sdkModule is the SDK's module, sdkDir where it is in a checkout of chhost.
const (
	sdkModule = "github.com/chhost/chhost/guest-sdk/go"
	sdkDir    = "guest-sdk/go"
)

// errNoSDK is the error when no checkout is near.
var errNoSDK = errors.New("the plugin needs the SDK, which is in a checkout of chhost, and this directory is not in or beside one: " +
	"say where it is, --sdk PATH-OF-THE-CHECKOUT")

// findSDK returns the SDK's directory as the go.mod of a plugin in a directory
// below dir is to name it. What was given stays relative or absolute; what was
// found is relative, so that the checkout and the plugin can be moved together.
func findSDK(given, dir string) (string, error) {
	if given == "" {
		sdk, ok := nearSDK(dir)
		if !ok {
			return "", errNoSDK
		}
		return relative(dir, sdk), nil
	}
	for _, sdk := range []string{given, filepath.Join(given, filepath.FromSlash(sdkDir))} {
		if !isSDK(sdk) {
			continue
		}
		if filepath.IsAbs(sdk) {
			return filepath.ToSlash(filepath.Clean(sdk)), nil
		}
		sdk, err := physical(sdk)
		if err != nil {
			return "", err
		}
		return relative(dir, sdk), nil
	}
	return "", fmt.Errorf("--sdk %s: that is neither a checkout of chhost nor the directory %s in one: %s", given, sdkDir, missing(given))
}

func missing(dir string) string {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return "there is no such directory"
	}
	return fmt.Sprintf("it has no go.mod of %s", sdkModule)
}

// nearSDK looks for a checkout around dir, then for one named chhost in it or
// beside it.
func nearSDK(dir string) (string, bool) {
	candidates := []string{}
	for d := dir; ; d = filepath.Dir(d) {
		candidates = append(candidates, d)
		if d == filepath.Dir(d) {
			break
		}
	}
	candidates = append(candidates, filepath.Join(dir, "chhost"), filepath.Join(filepath.Dir(dir), "chhost"))
	for _, c := range candidates {
		if sdk := filepath.Join(c, filepath.FromSlash(sdkDir)); isSDK(sdk) {
			return sdk, true
		}
	}
	return "", false
}

// isSDK tells whether a directory holds the SDK's module.
func isSDK(dir string) bool {
	content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return false
	}
	for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) >= 2 && words[0] == "module" {
			return words[1] == sdkModule
		}
	}
	return false
}

// relative is the SDK's path from a directory in dir. There is none to another
// drive.
func relative(dir, sdk string) string {
	if rel, err := filepath.Rel(filepath.Join(dir, "plugin"), sdk); err == nil {
		sdk = rel
	}
	return filepath.ToSlash(sdk)
}
