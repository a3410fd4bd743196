package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
	"github.com/chhost/chhost/host/registry"
)

func backupCommand() *cli.Command {
	return &cli.Command{
		Name:      "backup",
		Category:  remoteCategory,
		Usage:     "write all tenants, plugins and settings to a file, while they are served",
		UsageText: "chhost backup FILE|- [--data DIR] [FLAGS]",
		Description: "FILE is a tar archive of what the host had at one moment: it serves on meanwhile. It\n" +
			"replaces FILE when it is complete and has been read back. Modules that are damaged on\n" +
			"the host's disk are left out, and the exit code is 1. With --data the registry in DIR is\n" +
			"saved, of a host that does not run. Unpacked into an empty directory, it is the data of\n" +
			"a host. The operator's token is not in it.\n\n" +
			"Examples:\n\n" +
			"   chhost backup chhost.tar\n" +
			"   mkdir -m 700 data2 && tar -xf chhost.tar -C data2 && chhost serve --data data2",
		Flags:  remoteFlags(&cli.StringFlag{Name: "data", Usage: "save what `DIR` has, without a host"}),
		Action: backup,
	}
}

func backup(c *cli.Context) error {
	if err := arguments(c, "the name of a file, such as chhost.tar, or - for the standard output"); err != nil {
		return err
	}
	write := fromHost(c)
	if dir := c.String("data"); dir != "" {
		write = fromDirectory(dir)
	}
	file := c.Args().First()
	if file == "-" {
		return write(c.Context, c.App.Writer)
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return &usageError{c.Command.Name, fmt.Sprintf("%s is a directory: name a file, such as %s", file, filepath.Join(file, "chhost.tar"))}
	}
	part, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*") // its mode is 0600
	if err != nil {
		return fmt.Errorf("there is no backup: %w", aboutFile(file, err))
	}
	defer os.Remove(part.Name()) // which has failed if it was renamed
	p := newProgress(c.App.ErrWriter, isTerminal(c.App.ErrWriter), "saving to "+file)
	defer p.end()
	err = write(c.Context, part)
	if errors.Is(err, registry.ErrIncomplete) {
		err = nil // the archive says so itself
	}
	var modules, missing int
	if err == nil {
		modules, missing, err = checkBackup(part)
	}
	size, seekErr := part.Seek(0, io.SeekEnd)
	if err = errors.Join(err, seekErr, part.Sync(), part.Close()); err == nil {
		err = os.Rename(part.Name(), file)
	}
	err = aboutFile(file, err)
	p.end()
	if err != nil {
		return fmt.Errorf("there is no backup: %w", err)
	}
	return reportBackup(c, file, size, modules, missing)
}

// reportBackup says what a file has. One that lacks modules is an error, and stays: what all
// others have is in it.
func reportBackup(c *cli.Context, file string, size int64, modules, missing int) (err error) {
	if c.Bool("json") {
		err = writeJSON(c.App.Writer, map[string]any{"file": file, "size": size, "modules": modules, "missing": missing})
	} else if missing == 0 {
		_, err = fmt.Fprintf(c.App.Writer, "%s has everything: %s, %s\n", file, number(modules, "module"), sized(size))
	}
	if missing > 0 {
		err = errors.Join(err, fmt.Errorf("%s has everything but for %s, missing or damaged on the host's disk: upload them again; %s in it has their digests", file, number(missing, "module"), registry.MissingName))
	}
	return err
}

// aboutFile says of the file that was named what happened to the one beside it, whose name
// says nothing to anybody.
func aboutFile(file string, err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path) && filepath.Dir(path.Path) == filepath.Dir(file):
		return fmt.Errorf("%s cannot be written: %w", file, path.Err)
	case errors.As(err, &link):
		return fmt.Errorf("%s cannot be replaced: %w", file, link.Err)
	}
	return err
}

// fromHost writes the backup that a running host makes.
func fromHost(c *cli.Context) func(context.Context, io.Writer) error {
	return func(ctx context.Context, w io.Writer) error {
		a, err := connectTo(c)
		if err != nil {
			return err
		}
		defer a.Close()
		stream, err := a.Stream(ctx, remote.Call{Method: http.MethodGet, Path: remote.Path("v1", "backup"), Accept: "application/x-tar"})
		if err != nil {
			return told(c, err)
		}
		defer stream.Close()
		_, err = io.Copy(w, stream)
		return err
	}
}

// fromDirectory writes that of a directory, which no host uses.
func fromDirectory(dir string) func(context.Context, io.Writer) error {
	return func(ctx context.Context, w io.Writer) error {
		// Open would make what is not there.
		if _, err := os.Stat(filepath.Join(dir, "registry.db")); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is not the data of a host: there is no registry.db in it", dir)
		} else if err != nil {
			return err
		}
		store, err := registry.Open(dir, registry.Config{})
		if errors.Is(err, registry.ErrInUse) {
			return fmt.Errorf("%w: a host serves it, so leave --data out and let it make the backup", err)
		}
		if err != nil {
			return err
		}
		return errors.Join(store.Backup(ctx, w), store.Close())
	}
}

// checkBackup reads an archive to its end and returns how many modules it has, and how many
// it says that it lacks.
func checkBackup(f *os.File) (modules, missing int, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, 0, err
	}
	archive, database := tar.NewReader(f), false
	for {
		header, err := archive.Next()
		if err == io.EOF && database {
			return modules, missing, nil
		}
		if err != nil {
			return 0, 0, fmt.Errorf("the archive is not complete: %w", err)
		}
		lines := new(lineCount)
		if _, err := io.Copy(lines, archive); err != nil {
			return 0, 0, fmt.Errorf("the archive is not complete: %w", err)
		}
		switch header.Name {
		case "registry.db":
			database = true
		case registry.MissingName:
			missing = lines.n
		default:
			modules++
		}
	}
}

// lineCount counts the lines of what is written to it.
type lineCount struct{ n int }

// Write implements [io.Writer].
func (l *lineCount) Write(p []byte) (int, error) {
	l.n += bytes.Count(p, []byte{'\n'})
	return len(p), nil
}
