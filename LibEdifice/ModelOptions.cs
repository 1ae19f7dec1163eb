using Edifice.Attention;
using Edifice.Engine.Ops;

namespace Edifice.C;

/// <summary>The options of a folder's model, as C lists and sets them.</summary>
internal sealed class ModelOptions(string block, OptionBag options) : IDisposable
{
    private readonly Dictionary<string, CString> _texts = [];

    public OptionBag Options { get; private set; } = options;

    public IReadOnlyList<BlockOption> Rows => Blocks.Find(block).Options.Rows;

    public void Set(string name, string value) => Options = Blocks.Find(block).Options.With(Options, name, value);

    public string Value(BlockOption row) => Options.Raw(row.Name)?.GetRawText() ?? row.Default ?? "null";

    /// <summary>A text for C that stays as long as this object.</summary>
    public unsafe byte* Text(string text)
    {
        if (!_texts.TryGetValue(text, out var kept)) _texts.Add(text, kept = new CString(text));
        return kept.Pointer;
    }

    public void Dispose()
    {
        foreach (var text in _texts.Values) text.Dispose();
    }
}
