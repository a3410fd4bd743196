package phx

import (
	"errors"
	"strconv"
	"strings"
)

// ErrVersion is returned when a client asks for a version of the protocol that
// no serializer implements, or for something that is not a version.
var ErrVersion = errors.New("phx: unsupported protocol version; connect with vsn=2.0.0 or vsn=1.0.0")

// Negotiate returns the serializer for vsn, the version that a client asks for
// in the connect parameter of that name: V1 for 1.0.x and for none, V2 for
// 2.0.x. As in Phoenix (requirements ~> 1.0.0 and ~> 2.0.0), vsn is a semantic
// version of three numbers, and the pre-releases of 1.0.0 and 2.0.0 are older
// than what is required. The error is [ErrVersion].
func Negotiate(vsn string) (Serializer, error) {
	if vsn == "" {
		return V1(), nil
	}
	v, ok := parseVersion(vsn)
	if !ok || v.minor != 0 || v.patch == 0 && v.pre {
		return nil, ErrVersion
	}
	switch v.major {
	case 1:
		return V1(), nil
	case 2:
		return V2(), nil
	}
	return nil, ErrVersion
}

type version struct {
	major, minor, patch uint64
	pre                 bool
}

// parseVersion reads a semantic version (semver.org, 2.0.0).
func parseVersion(s string) (v version, ok bool) {
	s, build, hasBuild := strings.Cut(s, "+")
	s, pre, hasPre := strings.Cut(s, "-")
	if hasBuild && !identifiers(build, false) || hasPre && !identifiers(pre, true) {
		return v, false
	}
	numbers := strings.Split(s, ".")
	if len(numbers) != 3 {
		return v, false
	}
	for i, n := range []*uint64{&v.major, &v.minor, &v.patch} {
		var err error
		if !numeric(numbers[i]) || leadingZero(numbers[i]) {
			return v, false
		}
		if *n, err = strconv.ParseUint(numbers[i], 10, 64); err != nil {
			return v, false
		}
	}
	v.pre = hasPre
	return v, true
}

// identifiers tells whether s is a list of identifiers separated by dots. In a
// pre-release, numeric ones have no leading zeros.
func identifiers(s string, pre bool) bool {
	for id := range strings.SplitSeq(s, ".") {
		if id == "" || pre && numeric(id) && leadingZero(id) {
			return false
		}
		for _, c := range []byte(id) {
			if c != '-' && c-'0' > 9 && c|0x20-'a' > 25 {
				return false
			}
		}
	}
	return true
}

func numeric(s string) bool {
	for _, c := range []byte(s) {
		if c-'0' > 9 {
			return false
		}
	}
	return s != ""
}

func leadingZero(s string) bool { return len(s) > 1 && s[0] == '0' }
