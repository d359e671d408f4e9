package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// install puts the package into a folder of its own, unless it is there, and returns the program's path.
func install(ctx context.Context, servers string, s script) (string, error) {
	home := filepath.Join(servers, s.Server+"-"+s.Version)
	bin := map[string]string{"npm": "node_modules/.bin", "pypi": "bin"}[s.Kind]
	if bin == "" {
		return "", fmt.Errorf("kind %q is neither npm nor pypi", s.Kind)
	}
	program := filepath.Join(home, bin, s.Run[0])
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	steps := [][]string{{"npm", "install", "--prefix", home, "--no-audit", "--no-fund", s.Package + "@" + s.Version}}
	if s.Kind == "pypi" {
		pip := append([]string{filepath.Join(home, "bin", "pip"), "install", "-q", s.Package + "==" + s.Version}, s.With...)
		steps = [][]string{{"python3", "-m", "venv", home}, pip}
	}
	for _, args := range steps {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		// The browsers come from the system.
		cmd.Env = append(os.Environ(), "PUPPETEER_SKIP_DOWNLOAD=1", "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("install: %w\n%s", err, out)
		}
	}
	return program, nil
}

// scratchFile is one line of scratch.json, its path relative to the root: a file with Text or a symlink to Link.
type scratchFile struct {
	Path string `json:"path"`
	Text string `json:"text"`
	Link string `json:"link"`
}

// buildScratch makes project, home and outside afresh below the root.
func buildScratch(list, root string) error {
	b, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	var files []scratchFile
	if err := json.Unmarshal(b, &files); err != nil {
		return fmt.Errorf("%s: %w", list, err)
	}
	for _, d := range []string{"project", "home", "outside"} {
		if err := os.RemoveAll(filepath.Join(root, d)); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := f.write(root); err != nil {
			return err
		}
	}
	return nil
}

func (f scratchFile) write(root string) error {
	path := filepath.Join(root, f.Path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if f.Link != "" {
		return os.Symlink(f.Link, path)
	}
	return os.WriteFile(path, []byte(f.Text), 0o644)
}
