package chhost_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/version"
	"path"
	"slices"
	"strings"
	"unicode"
)

// Every judge answers the faults that it found, each as a line that says where,
// what, and what to do.

// arrow is an import of one room by another.
type arrow struct{ from, to string }

// matches reports whether the pattern of a row names the package.
func matches(pattern, dir string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
		return strings.HasPrefix(dir, prefix+"/")
	}
	ok, err := path.Match(pattern, dir)
	return ok && err == nil
}

func matchesAny(patterns, dir string) bool {
	return slices.ContainsFunc(strings.Fields(patterns), func(p string) bool { return matches(p, dir) })
}

// inModule reports whether importPath belongs to one of the modules.
func inModule(modules, importPath string) bool {
	return slices.ContainsFunc(strings.Fields(modules), func(m string) bool { return under(importPath, m) })
}

func findRoom(plan []room, dir string) (room, bool) {
	for _, r := range plan {
		if matches(r.path, dir) {
			return r, true
		}
	}
	return room{}, false
}

// isKit reports whether the package is a test kit or a part of one, which only
// tests and other kits import.
func isKit(dir string) bool {
	return slices.ContainsFunc(strings.Split(dir, "/"), func(e string) bool { return strings.HasSuffix(e, "test") })
}

func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".") && importPath != "C"
}

// isOurs reports whether importPath is a package of this repository; the rest
// is its directory.
func isOurs(importPath string) (string, bool) {
	if importPath == modulePath {
		return ".", true
	}
	return strings.CutPrefix(importPath, modulePath+"/")
}

// judgePlan checks that the plan itself keeps the levels and the quarantine.
func judgePlan(plan []room, sideways []arrow, shipped, quarantine map[string]string) []string {
	var faults []string
	used := map[string]bool{}
	fault := func(format string, args ...any) {
		faults = append(faults, "the plan: "+fmt.Sprintf(format, args...))
	}
	for i, r := range plan {
		if slices.ContainsFunc(plan[:i], func(o room) bool { return o.path == r.path }) {
			fault("%s has two rows", r.path)
		}
		for _, to := range strings.Fields(r.own) {
			switch target, ok := findRoom(plan, to); {
			case strings.HasSuffix(to, "/..."):
				// judgeImports holds these to the levels, package by package.
			case !ok:
				fault("%s may import %s, which has no row", r.path, to)
			case isKit(to) && !isKit(r.path) && !(under(r.path, "cmd") && shipped[to] != ""):
				fault("%s may import the test kit %s: only tests and kits may, and the command what shipped lists", r.path, to)
			case target.level > r.level:
				fault("%s (level %d) may import %s (level %d): arrows point down only", r.path, r.level, to, target.level)
			case target.level == r.level && !slices.Contains(sideways, arrow{r.path, to}):
				fault("%s may import %s of its own level %d: move one of them, or list the arrow in sideways", r.path, to, r.level)
			}
			used[to] = true
		}
		for _, module := range strings.Fields(r.outside) {
			for fenced, allowed := range quarantine {
				if under(module, fenced) && !matchesAny(allowed, r.path) {
					fault("%s may import %s, which is quarantined in %s", r.path, module, allowed)
				}
			}
		}
	}
	return append(faults, stale("shipped", shipped, used)...)
}

// judgeImports holds one package's imports against its row: strictly for the
// package, more freely for its tests.
func judgeImports(plan []room, p *sourcePackage) []string {
	if len(p.files) == 0 {
		return judgeTestImports(room{path: p.dir}, p)
	}
	r, ok := findRoom(plan, p.dir)
	if !ok {
		return []string{fmt.Sprintf("%s has no row in the import plan: add one to rooms in house_test.go (level, sentence, what it may import), "+
			"so that the shape of the house is decided and not grown; a package needs two importers, a third party to fence in, or a test of its own", p.dir)}
	}
	var faults []string
	for _, imported := range imports(p.files) {
		target, ours := isOurs(imported)
		switch {
		case isStandard(imported):
		case imported == "C":
			faults = append(faults, fmt.Sprintf("%s uses cgo: the host must cross-compile, find another way", p.dir))
		case ours && !mayImport(plan, r, target):
			faults = append(faults, fmt.Sprintf("%s imports %s, which its row in rooms does not allow (it has %q): turn the dependency round, or change the plan in house_test.go on purpose", p.dir, target, r.own))
		case !ours && !inModule(r.outside, imported):
			faults = append(faults, fmt.Sprintf("%s imports %s, which its row in rooms does not allow (it has %q): use the room that fences it in", p.dir, imported, r.outside))
		}
	}
	return append(faults, judgeTestImports(r, p)...)
}

// mayImport reports whether the plan lets r import our package target.
func mayImport(plan []room, r room, target string) bool {
	if matches("host/internal/*", target) {
		return under(r.path, "host") && !matches("host/internal/*", r.path)
	}
	to, ok := findRoom(plan, target)
	if !ok {
		return false // the missing row is reported where the package is judged
	}
	for _, pattern := range strings.Fields(r.own) {
		if !matches(pattern, target) {
			continue
		}
		// A pattern such as host/... stands for what lies lower, kits excepted.
		open := strings.HasSuffix(pattern, "/...")
		if !open || (!isKit(target) && (to.level < r.level || under(target, r.path+"/internal"))) {
			return true
		}
	}
	return false
}

// judgeTestImports lets tests import everything of ours, but of others only
// what the package itself may import and the test modules.
func judgeTestImports(r room, p *sourcePackage) []string {
	var faults []string
	for _, imported := range imports(p.tests) {
		if _, ours := isOurs(imported); ours || isStandard(imported) || inModule(r.outside+" "+testOnly[p.dir]+" "+testModules, imported) {
			continue
		}
		faults = append(faults, fmt.Sprintf("%s: a test imports %s: tests may import the standard library, our packages, %s, and what the row in rooms allows", p.dir, imported, testModules))
	}
	return faults
}

// judgeQuarantine finds imports of a fenced module outside of its rooms.
func judgeQuarantine(quarantine map[string]string, p *sourcePackage) []string {
	var faults []string
	for _, imported := range imports(slices.Concat(p.files, p.tests)) {
		for module, allowed := range quarantine {
			if under(imported, module) && !matchesAny(allowed, p.dir) {
				faults = append(faults, fmt.Sprintf("%s imports %s, which is quarantined in %s", p.dir, imported, allowed))
			}
		}
	}
	return faults
}

// judgeComment wants one package comment that begins with the row's sentence.
func judgeComment(plan []room, p *sourcePackage) []string {
	if len(p.files) == 0 {
		return nil
	}
	var comments []string
	for _, f := range p.files {
		if f.tree.Doc != nil && f.tree.Name.Name == p.name() {
			comments = append(comments, strings.Join(strings.Fields(f.tree.Doc.Text()), " "))
		}
	}
	r, _ := findRoom(plan, p.dir)
	switch {
	case len(comments) == 0:
		return []string{fmt.Sprintf("%s has no package comment: begin it with %q", p.dir, openings(p, r)[0])}
	case len(comments) > 1:
		return []string{fmt.Sprintf("%s has %d package comments: keep one", p.dir, len(comments))}
	}
	for _, opening := range openings(p, r) {
		if strings.HasPrefix(comments[0], opening) {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s: the package comment begins %q, want %q", p.dir, clip(comments[0], 60), openings(p, r)[0])}
}

// openings lists the accepted beginnings of a package comment, best first.
func openings(p *sourcePackage, r room) []string {
	name := "Package " + p.name()
	if p.name() == "main" {
		name = "Command " + path.Base(p.dir)
		if p.dir != r.path || r.sentence == "" {
			return []string{name, "Package main", upperFirst(path.Base(p.dir))}
		}
	}
	if r.sentence == "" {
		return []string{name + " "}
	}
	sentence := lowerFirst(r.sentence)
	switch first, _, _ := strings.Cut(r.sentence, " "); first {
	case "A", "The", "What": // a noun, not what the package does
		sentence = "is " + sentence
	}
	return []string{name + " " + sentence, r.sentence}
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "..."
}

// judgeCensus compares the places that start goroutines with the census.
func judgeCensus(census map[string]start, packages []*sourcePackage) []string {
	var faults []string
	used := map[string]bool{}
	for _, p := range packages {
		places := goroutineStarts(p)
		known, listed := census[p.dir]
		if listed && len(places) > 0 {
			used[p.dir] = true
		}
		if len(places) == known.count && (len(places) == 0 || known.owner != "") {
			continue
		}
		faults = append(faults, fmt.Sprintf("%s starts goroutines in %d places, the census has %d: %s\n"+
			"\tmake sure that someone waits for each of them, then put this row into goroutines in house_test.go:\n"+
			"\t%q: {%d, \"who waits for them, and how\"},", p.dir, len(places), known.count, strings.Join(places, ", "), p.dir, len(places)))
		used[p.dir] = true
	}
	return append(faults, stale("the census", census, used)...)
}

// goroutineStarts lists the places of a package's non-test files that start a
// goroutine: go statements, and calls of methods named Go (sync.WaitGroup,
// errgroup) and AfterFunc (time, context), which start one behind a name.
func goroutineStarts(p *sourcePackage) []string {
	var places []string
	for _, f := range p.files {
		ast.Inspect(f.tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				places = append(places, p.at(f, n))
			case *ast.CallExpr:
				if sel, ok := n.Fun.(*ast.SelectorExpr); ok && (sel.Sel.Name == "Go" || sel.Sel.Name == "AfterFunc") {
					places = append(places, p.at(f, n))
				}
			}
			return true
		})
	}
	return places
}

// judgeModule checks one go.mod: the root stands alone, the guest SDK needs
// nothing, and a plugin needs nothing but the SDK beside it.
func judgeModule(dir string, m goModule) []string {
	var faults []string
	fault := func(format string, args ...any) {
		faults = append(faults, path.Join(dir, "go.mod")+": "+fmt.Sprintf(format, args...))
	}
	least := "1.24"
	switch {
	case dir == ".":
		least = "1.25"
		if len(m.Replace) > 0 {
			fault("has a replace directive: `go install` and importers of the host would not see it, take it out")
		}
		if m.workspace {
			fault("has a go.work beside it: modules are built one by one, take it out")
		}
	case under(dir, "guest-sdk"):
		if len(m.Require) > 0 {
			fault("requires %s: the guest SDK has no dependencies", m.Require[0].Path)
		}
	default:
		for _, r := range m.Require {
			local := slices.ContainsFunc(m.Replace, func(o replacement) bool {
				return o.Old.Path == r.Path && strings.HasPrefix(o.New.Path, ".")
			})
			if !local {
				fault("requires %s without a replace to a directory beside it: plugins build offline", r.Path)
			}
		}
	}
	if version.Compare("go"+m.Go, "go"+least) < 0 {
		fault("says go %q, want at least %s", m.Go, least)
	}
	return faults
}

// judgeFileNames finds names that are build constraints: socket_js.go is built
// for GOOS=js only and silently vanishes from every other build.
func judgeFileNames(allowed map[string]string, p *sourcePackage) []string {
	const constraints = " aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris wasip1 windows zos" +
		" 386 amd64 amd64p32 arm arm64 arm64be armbe loong64 mips mips64 mips64le mips64p32 mips64p32le mipsle ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm "
	if !under(p.dir, "host") && !under(p.dir, "abi") && !under(p.dir, "cmd") {
		return nil // guests are built for wasip1, where such names are meant
	}
	var faults []string
	for _, f := range slices.Concat(p.files, p.tests) {
		stem := strings.TrimSuffix(strings.TrimSuffix(f.name, ".go"), "_test")
		i := strings.LastIndexByte(stem, '_')
		if i < 0 || !strings.Contains(constraints, " "+stem[i+1:]+" ") || allowed[path.Join(p.dir, f.name)] != "" {
			continue
		}
		faults = append(faults, fmt.Sprintf("%s: the ending _%s is a build constraint, so the file vanishes elsewhere: rename it, or list it in filesAllowed with the reason", path.Join(p.dir, f.name), stem[i+1:]))
	}
	return faults
}

// judgeState finds package-level variables that can change, and init functions.
func judgeState(allowed map[string]string, packages []*sourcePackage) []string {
	var faults []string
	used := map[string]bool{}
	for _, p := range packages {
		for _, f := range p.files {
			for _, decl := range f.tree.Decls {
				switch d := decl.(type) {
				case *ast.FuncDecl:
					if d.Recv == nil && d.Name.Name == "init" {
						faults = append(faults, p.at(f, d)+": an init function: make the value where it is needed, or in a constructor")
					}
				case *ast.GenDecl:
					for _, name := range variables(f, d) {
						key := p.dir + "." + name.Name
						if used[key] = true; allowed[key] == "" {
							faults = append(faults, fmt.Sprintf("%s: package-level variable %s: make it a constant, a function or a field; if it is never written to, list %q in state in house_test.go with the reason", p.at(f, name), name.Name, key))
						}
					}
				}
			}
		}
	}
	return append(faults, stale("state", allowed, used)...)
}

// variables lists the names that a var declaration makes, without the harmless
// ones: errors, regular expressions, embedded files and interface checks.
func variables(f sourceFile, d *ast.GenDecl) []*ast.Ident {
	if d.Tok != token.VAR {
		return nil
	}
	var names []*ast.Ident
	for _, s := range d.Specs {
		spec := s.(*ast.ValueSpec)
		if embeds(d.Doc) || embeds(spec.Doc) {
			continue
		}
		for i, name := range spec.Names {
			harmless := name.Name == "_"
			if i < len(spec.Values) {
				call := calledFunction(f, spec.Values[i])
				harmless = harmless || call == "errors.New" || call == "fmt.Errorf" || call == "regexp.MustCompile"
			}
			if !harmless {
				names = append(names, name)
			}
		}
	}
	return names
}

func embeds(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// calledFunction answers "import/path.Func" if the expression is a call of a
// function of another package.
func calledFunction(f sourceFile, e ast.Expr) string {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return ""
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	pkg, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	for _, spec := range f.tree.Imports {
		imported := importPath(spec)
		if (spec.Name != nil && spec.Name.Name == pkg.Name) || (spec.Name == nil && path.Base(imported) == pkg.Name) {
			return imported + "." + sel.Sel.Name
		}
	}
	return ""
}

// judgeNames finds words that say nothing in type names and exported names.
func judgeNames(allowed map[string]string, packages []*sourcePackage) []string {
	var faults []string
	used := map[string]bool{}
	for _, p := range packages {
		if w := emptyWord(p.name()); w != "" {
			faults = append(faults, fmt.Sprintf("%s: the package is named after %s: name the noun it keeps", p.dir, w))
		}
		for _, f := range p.files {
			for _, name := range namesOf(f) {
				w := emptyWord(name.Name)
				if w == "" {
					continue
				}
				key := p.dir + "." + name.Name
				if used[key] = true; allowed[key] == "" {
					faults = append(faults, fmt.Sprintf("%s: %s says %s, which says nothing: use a word of the glossary", p.at(f, name), name.Name, w))
				}
			}
		}
	}
	return append(faults, stale("namesAllowed", allowed, used)...)
}

// namesOf lists the declared names that judgeNames looks at: all types, and
// exported functions, methods, fields, variables and constants.
func namesOf(f sourceFile) []*ast.Ident {
	var names []*ast.Ident
	exported := func(list ...*ast.Ident) {
		for _, n := range list {
			if n.IsExported() {
				names = append(names, n)
			}
		}
	}
	for _, decl := range f.tree.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			exported(d.Name)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.ValueSpec:
					exported(s.Names...)
				case *ast.TypeSpec:
					names = append(names, s.Name)
					ast.Inspect(s.Type, func(n ast.Node) bool {
						if field, ok := n.(*ast.Field); ok {
							exported(field.Names...)
						}
						return true
					})
				}
			}
		}
	}
	return names
}

// emptyWord answers the forbidden word that a name contains as a whole word.
func emptyWord(name string) string {
	word := ""
	for _, w := range words(name) {
		switch strings.ToLower(w) {
		case "manager", "helper", "helpers", "util", "utils", "service", "base", "impl":
			word = w
		}
	}
	return word
}

// words splits a name at its capitals: PoolBaseURL is Pool, Base, URL.
func words(name string) []string {
	runes := []rune(name)
	var out []string
	begin := 0
	for i := 1; i <= len(runes); i++ {
		if i < len(runes) {
			rising := unicode.IsUpper(runes[i]) && !unicode.IsUpper(runes[i-1])
			ending := unicode.IsUpper(runes[i]) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if !rising && !ending && runes[i] != '_' {
				continue
			}
		}
		out = append(out, strings.Trim(string(runes[begin:i]), "_"))
		begin = i
	}
	return out
}
