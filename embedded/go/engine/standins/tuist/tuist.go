// Package tuist stands in for the terminal UI library of the same name, which the Go module proxy does not serve.
// It renders components into lines (what the CLI prints when a command ends) and runs dispatched work in turn, but it
// draws nothing while a command runs and reads no keys: the wrapper asks the CLI for plain progress instead.
package tuist

import (
	"io"
	"os"
	"sync"
	"time"

	uv "github.com/charmbracelet/ultraviolet"
)

const defaultWidth, defaultHeight = 120, 40

type Component interface{ Render(Context) }

type (
	Focusable   interface{ SetFocused(Context, bool) }
	Hoverable   interface{ SetHovered(Context, bool) }
	Interactive interface {
		HandleKeyPress(Context, uv.KeyPressEvent) bool
	}
	MouseEnabled interface {
		HandleMouse(Context, MouseEvent) bool
	}
	Mounter    interface{ OnMount(Context) }
	Dismounter interface{ OnDismount() }
)

type MouseEvent struct {
	uv.MouseEvent
	Row, Col int
}

// Context is what a component renders into.
type Context struct {
	Width, Height int
	lines         *[]string
}

func (c Context) Line(line string)      { c.Lines(line) }
func (c Context) Lines(lines ...string) { *c.lines = append(*c.lines, lines...) }
func (c Context) ScreenHeight() int     { return defaultHeight }
func (c Context) SetFocus(Component)    {}
func (c Context) Resize(width, height int) Context {
	c.Width, c.Height = width, height
	return c
}
func (c Context) Done() <-chan struct{} { return nil }

type RenderResult struct{ Lines []string }

func render(ctx Context, child Component) RenderResult {
	result := RenderResult{}
	ctx.lines = &result.Lines
	child.Render(ctx)
	return result
}

// Compo is what each component embeds. Nothing is kept from one rendering to the next, so Update has nothing to do.
type Compo struct{}

func (*Compo) Update()                                                     {}
func (*Compo) RenderChild(ctx Context, child Component)                    { ctx.Lines(render(ctx, child).Lines...) }
func (*Compo) RenderChildResult(ctx Context, child Component) RenderResult { return render(ctx, child) }
func (*Compo) RenderChildInline(ctx Context, child Component) string {
	text := ""
	for _, line := range render(ctx, child).Lines {
		text += line
	}
	return text
}

type Container struct {
	Compo
	Children []Component
}

func (c *Container) AddChild(child Component) { c.Children = append(c.Children, child) }
func (c *Container) RemoveChild(child Component) {
	for i, other := range c.Children {
		if other == child {
			c.Children = append(c.Children[:i:i], c.Children[i+1:]...)
			return
		}
	}
}
func (c *Container) Render(ctx Context) {
	for _, child := range c.Children {
		c.RenderChild(ctx, child)
	}
}

type Terminal struct{}

func NewStdTerminal() Terminal { return Terminal{} }

// TUI holds the components; what is dispatched runs at once, one after the other.
type TUI struct {
	Container
	mu sync.Mutex
}

func New(Terminal) *TUI { return &TUI{} }

func (t *TUI) Dispatch(work func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	work()
}

// Start mounts the components: the CLI begins its work when its own component is mounted.
func (t *TUI) Start() {
	for _, child := range t.Children {
		if mounter, ok := child.(Mounter); ok {
			mounter.OnMount(Context{Width: defaultWidth, Height: defaultHeight, lines: new([]string)})
		}
	}
}
func (t *TUI) Stop()                      {}
func (t *TUI) SetFocus(Component)         {}
func (t *TUI) SetShowHardwareCursor(bool) {}
func (t *TUI) SetDebugWriter(io.Writer)   {}
func (t *TUI) RequestRender(...bool)      {}
func (t *TUI) Exec(run func(in io.Reader, out io.Writer, errOut io.Writer) error) error {
	return run(os.Stdin, os.Stdout, os.Stderr)
}
func (t *TUI) RenderLines() []string {
	return render(Context{Width: defaultWidth, Height: defaultHeight}, &t.Container).Lines
}
func (t *TUI) ShowOverlay(Component, *OverlayOptions) *OverlayHandle { return &OverlayHandle{} }

type (
	OverlayHandle  struct{}
	OverlayAnchor  int
	OverlayMargin  struct{ Top, Right, Bottom, Left int }
	OverlaySize    struct{ cells int }
	OverlayOptions struct {
		Width  *OverlaySize
		Anchor OverlayAnchor
		Margin OverlayMargin
	}
)

const AnchorTopRight OverlayAnchor = 0

func (*OverlayHandle) Remove()       {}
func SizeAbs(cells int) *OverlaySize { return &OverlaySize{cells} }

type Spinner struct {
	Compo
	Style func(string) string
	Epoch time.Time
}

func NewSpinner() *Spinner            { return &Spinner{} }
func (s *Spinner) Render(ctx Context) { ctx.Line("…") }

type TextInput struct {
	Compo
	Prompt         string
	OnSubmit       func(Context, string) bool
	KeyInterceptor func(Context, uv.KeyPressEvent) bool
	value          string
}

func NewTextInput(prompt string) *TextInput { return &TextInput{Prompt: prompt} }
func (t *TextInput) Render(ctx Context)     { ctx.Line(t.Prompt + t.value) }
func (t *TextInput) Value() string          { return t.value }
func (t *TextInput) SetValue(value string)  { t.value = value }
func (t *TextInput) InsertRune(r rune)      { t.value += string(r) }

type Completion struct{ Label, DisplayLabel, Detail, Documentation, InsertText, Kind string }

type CompletionResult struct {
	Items       []Completion
	ReplaceFrom int
}

type CompletionMenu struct{ Compo }

func NewCompletionMenu(*TextInput, func(string, int) CompletionResult) *CompletionMenu {
	return &CompletionMenu{}
}
func (*CompletionMenu) Render(Context)                                {}
func (*CompletionMenu) HandleKeyPress(Context, uv.KeyPressEvent) bool { return false }
