namespace Edifice.Engine.Cpu.Kernels.Fourier;

/// <summary>Where a block of transforms lies that run side by side, one per lane: row i holds entry i of all of them, a
/// register of real and a register of imaginary parts.</summary>
/// <param name="Re">Real parts of row 0.</param>
/// <param name="Im">Distance from the real to the imaginary parts, in elements.</param>
/// <param name="Stride">Distance from row to row, in elements.</param>
internal readonly unsafe struct LaneRows<T>(T* Re, nint Im, nint Stride) where T : unmanaged
{
    public readonly T* Re = Re;
    public readonly nint Im = Im;
    public readonly nint Stride = Stride;

    /// <summary>Rows without gaps: the registers of real and imaginary parts in turn.</summary>
    public static LaneRows<T> Packed(T* start, int lanes) => new(start, lanes, 2 * lanes);

    /// <summary>Real and imaginary parts exchanged. The forward transform between two exchanged blocks is the inverse one
    /// (times the length).</summary>
    public LaneRows<T> Exchanged => new(Re + Im, -Im, Stride);

    public LaneRows<T> From(long row) => new(Re + row * Stride, Im, Stride);
}
