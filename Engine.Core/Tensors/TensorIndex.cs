namespace Edifice.Engine;

/// <summary>A place on one axis in <c>x[…]</c>: an index or a range, by implicit conversion from <c>int</c>, <c>Index</c>
/// and <c>Range</c>; <see cref="Stepped"/> adds a step.</summary>
public readonly struct TensorIndex
{
    private readonly Range _range;

    private TensorIndex(Range range, bool isRange, int step)
    {
        _range = range;
        IsRange = isRange;
        Step = step;
    }

    internal bool IsRange { get; }

    internal int Step { get; }

    /// <summary>Where the entry or the run begins, from the front; negative when it lies before the axis.</summary>
    internal int Start(int extent) => _range.Start.GetOffset(extent);

    /// <summary>Where the run ends, as for <see cref="Start"/>.</summary>
    internal int Stop(int extent) => _range.End.GetOffset(extent);

    /// <summary>A range with a positive step.</summary>
    public static TensorIndex Stepped(Range range, int step)
    {
        if (step < 1) throw new TensorException($"index: the step of a range must be positive, got {step}: use Slice or Flip to walk backwards");
        return new TensorIndex(range, true, step);
    }

    /// <summary>One entry; negative counts from the end.</summary>
    public static implicit operator TensorIndex(int index) =>
        new(index < 0 ? ^-Math.Max(index, -int.MaxValue)..^0 : index..index, false, 1);

    /// <summary>One entry.</summary>
    public static implicit operator TensorIndex(Index index) => new(index..index, false, 1);

    /// <summary>A run of entries.</summary>
    public static implicit operator TensorIndex(Range range) => new(range, true, 1);
}
