using Edifice.Attention;
using Edifice.Engine;

namespace Edifice.Cli.Tasks;

/// <summary>Next-byte prediction on a text file: crops by seed from the first nine tenths, the rest held out.</summary>
internal sealed class TextFile : ITask
{
    private readonly byte[] _text;
    private readonly int _trained;

    /// <exception cref="TensorException">The file is missing, unreadable, empty, or too short for one sequence.</exception>
    public TextFile(string path, int length)
    {
        if (length < 1) throw new TensorException($"text: the sequence length must be at least 1, got {length}");
        try
        {
            _text = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new TensorException($"text: cannot read {path}: {e.Message}", e);
        }

        if (_text.Length == 0) throw new TensorException($"text: {path} is empty");
        _trained = _text.Length - _text.Length / 10;
        if (_trained < length + 1 || _text.Length - _trained < 2)
            throw new TensorException($"text: {path} has {_text.Length} bytes, too few for sequences of {length} (needs {(length + 1) * 10 / 9 + 2}): choose a shorter --length or a longer file");
        (Path, Length) = (path, length);
    }

    public string Path { get; }

    public string Name => "text";

    public TaskForm Form => TaskForm.NextToken;

    public int Vocabulary => TextModel.Bytes;

    public int Classes => TextModel.Bytes;

    public int Length { get; }

    /// <summary>How many bytes are held out.</summary>
    public int HeldOut => _text.Length - _trained;

    public Batch Draw(Generator random, int batch)
    {
        var rows = new Sequences(batch, Length);
        for (var b = 0; b < batch; b++) Fill(rows, b, random.NextInt(_trained - Length));
        return rows.ToBatch();
    }

    /// <summary>The held-out bytes in windows that overlap by half: each byte is scored once, with at least half a window of
    /// context wherever the text has it.</summary>
    public IEnumerable<Batch> HeldOutBatches(int batch)
    {
        var windows = new List<(int Start, int From)>();
        var half = Math.Max(1, Length / 2);
        // A window's first target is byte start + 1; targets before `From` were scored by the window before.
        for (var next = _trained; next < _text.Length;)
        {
            var end = Math.Min(_text.Length, next + half);
            var start = Math.Max(0, end - 1 - Length);
            windows.Add((start, next - start - 1));
            next = end;
        }

        for (var i = 0; i < windows.Count; i += batch)
        {
            var count = Math.Min(batch, windows.Count - i);
            var rows = new Sequences(count, Length);
            for (var b = 0; b < count; b++)
            {
                var (start, from) = windows[i + b];
                Fill(rows, b, start);
                var targets = rows.Targets(b);
                targets[..from].Fill(Sequences.NotScored);
                var scored = Math.Min(half, _text.Length - (start + 1 + from));
                targets[(from + scored)..].Fill(Sequences.NotScored);
            }

            yield return rows.ToBatch();
        }
    }

    private void Fill(Sequences rows, int row, int start)
    {
        Span<long> tokens = rows.Tokens(row), targets = rows.Targets(row);
        for (var t = 0; t < Length; t++)
        {
            tokens[t] = start + t < _text.Length ? _text[start + t] : 0;
            targets[t] = start + t + 1 < _text.Length ? _text[start + t + 1] : Sequences.NotScored;
        }
    }
}
