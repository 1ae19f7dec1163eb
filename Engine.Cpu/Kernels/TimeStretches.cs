namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Tiles of one batch row and some neighbouring steps, as long for every shape and machine: sums over time that are made per
/// stretch and then folded (<see cref="StretchSums{V,T}"/>) have the same bits on any number of threads.</summary>
/// <param name="batch">Batch rows.</param>
/// <param name="length">Steps.</param>
internal readonly struct TimeStretches(int batch, int length)
{
    /// <summary>The most steps of a stretch.</summary>
    public const int Most = 128;

    private readonly int _batch = batch, _length = length, _perRow = (length + Most - 1) / Most;

    /// <summary>The number of stretches.</summary>
    public long Count => (long)_batch * _perRow;

    /// <summary>The stretch that a step lies in.</summary>
    public long Of(int row, int step) => (long)row * _perRow + step / Most;

    /// <summary>Batch row, first step and the step after the last of a stretch.</summary>
    public (int Row, int Start, int End) this[long stretch]
    {
        get
        {
            var start = (int)(stretch % _perRow) * Most;
            return ((int)(stretch / _perRow), start, Math.Min(start + Most, _length));
        }
    }
}
