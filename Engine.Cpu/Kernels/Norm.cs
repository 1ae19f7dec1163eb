using System.Numerics;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void Norm(NormKernel kernel, Tensor x, Tensor? weight, Tensor? bias, double eps, Tensor y, Tensor? mean, Tensor? rstd)
    {
        if (x.DType == DType.Float32) Norm<float>(kernel, x, weight, bias, eps, y, mean, rstd);
        else Norm<double>(kernel, x, weight, bias, eps, y, mean, rstd);
    }

    /// <inheritdoc/>
    public void NormVjp(NormKernel kernel, Tensor g, Tensor x, Tensor? weight, Tensor? mean, Tensor rstd,
        Tensor? dx, Tensor? dweight, Tensor? dbias)
    {
        if (x.DType == DType.Float32) NormVjp<float>(kernel, g, x, weight, mean, rstd, dx, dweight, dbias);
        else NormVjp<double>(kernel, g, x, weight, mean, rstd, dx, dweight, dbias);
    }

    private static void Norm<T>(
        NormKernel kernel, Tensor x, Tensor? weight, Tensor? bias, double eps, Tensor y, Tensor? mean, Tensor? rstd)
        where T : unmanaged, INumber<T>
    {
        fixed (byte* px = &x.Storage.HostData, pw = &Host(weight), pb = &Host(bias), py = &y.Storage.HostData,
            pm = &Host(mean), pr = &Host(rstd))
        {
            var action = new NormAction<T>(RowsOf(x), kernel == NormKernel.Layer, First<T>(px, x), First<T>(pw, weight), First<T>(pb, bias),
                eps, First<T>(py, y), First<T>(pm, mean), First<T>(pr, rstd));
            Isa.Run<T, NormAction<T>>(ref action);
        }
    }

    private static void NormVjp<T>(NormKernel kernel, Tensor g, Tensor x, Tensor? weight, Tensor? mean, Tensor rstd,
        Tensor? dx, Tensor? dweight, Tensor? dbias) where T : unmanaged, INumber<T>
    {
        var n = x.Rank == 0 ? 1 : x.Shape[^1];
        var rows = rstd.Count;
        fixed (byte* pg = &g.Storage.HostData, px = &x.Storage.HostData, pw = &Host(weight), pm = &Host(mean),
            pr = &rstd.Storage.HostData, pd = &Host(dx), pdw = &Host(dweight), pdb = &Host(dbias))
        {
            var action = new NormVjpAction<T>(rows, n, kernel == NormKernel.Layer, First<T>(pg, g), First<T>(px, x), First<T>(pw, weight),
                First<T>(pm, mean), First<T>(pr, rstd), First<T>(pd, dx), First<T>(pdw, dweight), First<T>(pdb, dbias));
            Isa.Run<T, NormVjpAction<T>>(ref action);
        }
    }

    /// <summary>The first byte of an operand that may be absent.</summary>
    private static ref byte Host(Tensor? tensor)
    {
        if (tensor is null) return ref System.Runtime.CompilerServices.Unsafe.NullRef<byte>();
        return ref tensor.Storage.HostData;
    }

    /// <summary>The first element of an operand whose bytes are pinned; null when it is absent.</summary>
    private static T* First<T>(byte* data, Tensor? tensor) where T : unmanaged => tensor is null ? null : (T*)data + tensor.Offset;

    private readonly struct NormAction<T>(
        LineTiles rows, bool layer, T* x, T* weight, T* bias, double eps, T* y, T* mean, T* rstd) : ILanesAction<T>
        where T : unmanaged, INumber<T>
    {
        public void Invoke<V>() where V : unmanaged, ILanes<V, T>
        {
            var body = new NormTiles<V, T>(rows, layer, x, weight, bias, eps, y, mean, rstd);
            WorkerPool.For(rows.Count, rows.Elements * 0.4, ref body);
        }
    }

    private readonly struct NormVjpAction<T>(
        long rows, int n, bool layer, T* g, T* x, T* weight, T* mean, T* rstd, T* dx, T* dweight, T* dbias) : ILanesAction<T>
        where T : unmanaged, INumber<T>
    {
        public void Invoke<V>() where V : unmanaged, ILanes<V, T>
        {
            var tiles = (rows + NormVjpTiles<V, T>.RowsPerTile - 1) / NormVjpTiles<V, T>.RowsPerTile;
            var columnSums = dweight is not null || dbias is not null;
            using var partials = new Scratch<T>(columnSums ? Math.Max(1, tiles) * 2 * n : 0);
            if (tiles == 0) new Span<T>(partials.Pointer, columnSums ? 2 * n : 0).Clear();

            var body = new NormVjpTiles<V, T>(rows, n, layer, g, x, weight, mean, rstd, dx, columnSums ? partials.Pointer : null);
            WorkerPool.For(tiles, NormVjpTiles<V, T>.RowsPerTile * (double)n * 0.6, ref body);
            if (!columnSums) return;

            var tree = new TreeOfTiles<V, T>(partials.Pointer, tiles, 2 * n);
            WorkerPool.For((2L * n + TreeOfTiles<V, T>.Piece - 1) / TreeOfTiles<V, T>.Piece, tiles * TreeOfTiles<V, T>.Piece * 0.2, ref tree);
            if (dweight is not null) new ReadOnlySpan<T>(partials.Pointer, n).CopyTo(new Span<T>(dweight, n));
            if (dbias is not null) new ReadOnlySpan<T>(partials.Pointer + n, n).CopyTo(new Span<T>(dbias, n));
        }
    }
}
