using Edifice.Engine;

namespace Edifice.Attention;

/// <summary>One run of a block over a piece of a sequence: what all layers may need to know about it.</summary>
public sealed class Pass
{
    private readonly StreamState? _state;
    private readonly Dictionary<string, Tensor> _shared = [];
    private (int Keys, Tensor? Mask) _visible = (-1, null);

    internal Pass(Tensor x, SequenceInputs inputs, StreamState? state)
    {
        Batch = x.Size(0);
        Length = x.Size(1);
        Device = x.Device;
        Inputs = inputs;
        _state = state;
    }

    /// <summary>B.</summary>
    public int Batch { get; }

    /// <summary>L, the positions of this piece.</summary>
    public int Length { get; }

    /// <summary>Where the sequence lies.</summary>
    public Device Device { get; }

    /// <summary>What was given beside the sequence.</summary>
    public SequenceInputs Inputs { get; }

    /// <summary>True when the piece continues a <see cref="StreamState"/>.</summary>
    public bool IsStreaming => _state is not null;

    /// <summary>Absolute position of the piece's first row: 0, or how many positions the stream has seen.</summary>
    public int Offset => _state?.Time ?? 0;

    /// <summary>How many positions of its own stream a batch row has seen before this piece; 0: it begins here.</summary>
    public int PositionOf(int row) => _state?.Positions[row] ?? 0;

    /// <summary>Tensors that one layer of this pass hands to later ones, by name.</summary>
    public IDictionary<string, Tensor> Shared => _shared;

    /// <summary>Which of the last <paramref name="keys"/> positions (this piece's at the end) belong to each row's own stream:
    /// bool [B, keys], or null when all do. Rows that were reset do not see what was before.</summary>
    public Tensor? OwnPast(int keys)
    {
        if (_visible.Keys == keys) return _visible.Mask;
        var past = keys - Length;
        Tensor? mask = null;
        if (_state is not null && _state.Positions.Any(p => p < past))
        {
            var own = new bool[Batch * keys];
            for (var b = 0; b < Batch; b++) own.AsSpan(b * keys + Math.Max(0, past - _state.Positions[b]), Length + Math.Min(past, _state.Positions[b])).Fill(true);
            mask = Tensor.FromArray(own, [Batch, keys], Device);
        }

        _visible = (keys, mask);
        return mask;
    }

    internal SublayerState? State(int group) => _state?[group];
}
