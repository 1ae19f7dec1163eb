using System.Numerics;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    /// <summary>So many channels of batch rows fill a card by themselves, and time is not cut.</summary>
    private const long ManyChannels = 1 << 16;

    /// <inheritdoc/>
    public void LinearScan(Tensor a, Tensor b, Tensor? initial, bool reverse, Tensor h)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        ArgumentNullException.ThrowIfNull(h);
        if (h.Count == 0) return;
        var cut = TimeCut.Of(a, reverse);
        using var states = LinearStates(cut, a, b, initial, shift: 0);
        var arguments = new KernelArguments();
        arguments.Add(a);
        arguments.Add(b);
        arguments.Add(initial);
        arguments.Add(states);
        arguments.Add(h);
        LaunchScan("linear_scan", "linear_scan", a, cut, ref arguments, shift: 0);
    }

    /// <inheritdoc/>
    public void LinearScanVjp(Tensor dh, Tensor? dfinal, Tensor a, Tensor h, Tensor? initial, Tensor da, Tensor db, Tensor? dinitial)
    {
        ArgumentNullException.ThrowIfNull(dh);
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(h);
        ArgumentNullException.ThrowIfNull(da);
        ArgumentNullException.ThrowIfNull(db);
        if (a.Count == 0)
        {
            // Without steps the state passes through.
            if (dinitial is null || dinitial.Count == 0) return;
            if (dfinal is null) Clear(dinitial);
            else Fold(dfinal, 1, dinitial);
            return;
        }

        var cut = TimeCut.Of(a, reverse: true);
        using var states = LinearStates(cut, a, dh, dfinal, shift: 1);
        var arguments = new KernelArguments();
        arguments.Add(a);
        arguments.Add(dh);
        arguments.Add(dfinal);
        arguments.Add(states);
        arguments.Add(h);
        arguments.Add(initial);
        arguments.Add(da);
        arguments.Add(db);
        arguments.Add(dinitial);
        LaunchScan("linear_scan", "linear_scan_vjp", a, cut, ref arguments, shift: 1);
    }

    /// <summary>The states before the chunks [B, chunks, D]; null where time is not cut.</summary>
    private Tensor? LinearStates(TimeCut cut, Tensor a, Tensor b, Tensor? initial, uint shift)
    {
        if (cut.Chunks == 1) return null;
        using var factors = Temporary(a.DType, a.Size(0), cut.Chunks, a.Size(2));
        var states = factors.AllocateLike();
        var arguments = new KernelArguments();
        arguments.Add(a);
        arguments.Add(b);
        arguments.Add(factors);
        arguments.Add(states);
        LaunchScan("linear_scan", "linear_chunks", a, cut, ref arguments, shift);
        Carry(cut, a, a, b, factors, states, initial, shift);
        return states;
    }

    /// <summary>The middle kernel of the recurrences: makes of what chunks leave the states before them.</summary>
    private void Carry(TimeCut cut, Tensor like, Tensor? a, Tensor? b, Tensor factors, Tensor states, Tensor? initial, uint shift)
    {
        var arguments = new KernelArguments();
        arguments.Add(a);
        arguments.Add(b);
        arguments.Add(factors);
        arguments.Add(states);
        arguments.Add(initial);
        LaunchScan("scan_carries", "scan_carries", like, cut, ref arguments, shift, overChunks: false);
    }

    /// <summary>Launches a kernel of scan_frame.ptx.</summary>
    /// <param name="file">Kernel file.</param>
    /// <param name="kernel">Kernel.</param>
    /// <param name="x">A tensor [B, L, D].</param>
    /// <param name="cut">How time is cut.</param>
    /// <param name="arguments">The parameters before the frame's.</param>
    /// <param name="shift">The last parameter, or null.</param>
    /// <param name="overChunks">Whether each chunk has threads of its own.</param>
    private void LaunchScan(
        string file, string kernel, Tensor x, TimeCut cut, ref KernelArguments arguments, uint? shift = null, bool overChunks = true)
    {
        var threads = Threads(kernel, (long)x.Size(0) * (overChunks ? cut.Chunks : 1) * x.Size(2), x);
        arguments.Add(threads);
        arguments.Add((uint)cut.Chunks);
        arguments.Add((uint)x.Size(2));
        arguments.Add((uint)x.Size(1));
        arguments.Add((uint)cut.Chunk);
        arguments.Add(cut.Reverse ? 1U : 0U);
        if (shift is { } given) arguments.Add(given);
        Launch(file, x.DType, kernel, Blocks(threads), arguments);
    }

    /// <summary>How a recurrence over [B, L, D] is cut in time: by the shape alone, so that the bits are the same on every card.</summary>
    private readonly record struct TimeCut(int Chunk, int Chunks, bool Reverse)
    {
        private const int ShortestChunk = 64;

        public static TimeCut Of(Tensor x, bool reverse)
        {
            var length = x.Size(1);
            if ((long)x.Size(0) * x.Size(2) >= ManyChannels || length < 2 * ShortestChunk) return new(Math.Max(1, length), 1, reverse);
            // The kernels' times go with chunk / 4 (twice) and with chunks: about the root of twice the length is best.
            var chunk = Math.Max(ShortestChunk, (int)BitOperations.RoundUpToPowerOf2((uint)Math.Sqrt(2.0 * length)));
            return new(chunk, (length + chunk - 1) / chunk, reverse);
        }
    }
}
