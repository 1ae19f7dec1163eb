using System.Collections.Concurrent;
using Edifice.Engine.Backends;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    // A line is worth a block of its own from so many entries on, unless there are lines enough to give each a thread.
    private const int ScanBlockEntries = 64, ScanManyLines = 8192, ScanSegment = 4096, ScanSegments = 256;

    private readonly ConcurrentDictionary<(ScanKernel Kernel, DType Type), ScanOperator?> _scans = new();

    /// <inheritdoc/>
    public void Scan(ScanKernel kernel, Tensor x, int axis, bool reverse, bool exclusive, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        var op = _scans.GetOrAdd((kernel, x.DType), static of => Operators.Running(of.Kernel, of.Type))
            ?? throw TensorException.For($"Scan.{kernel}", "no such scan for this dtype: convert with To", x);
        if (IsEmpty(y)) return;
        RefuseHuge("Scan", x);
        var others = Others(axis, x, y);
        long entries = x.Layout.Dims[axis], lines = others.Count;
        others.AtLeastOne();
        var inner = others.Rank - 1;
        var sideBySide = Math.Abs(others.Stride(inner, 0)) < Math.Abs(x.Strides[axis]);
        var byBlocks = entries > ScanBlockEntries && !(sideBySide && lines >= ScanManyLines);
        var segments = byBlocks ? Math.Clamp(BlocksWanted / lines, 1, Math.Clamp(entries / ScanSegment, 1, ScanSegments)) : 1;
        var chunk = (entries + segments - 1) / segments;
        chunk = (chunk + GenerateScan.Threads - 1) / GenerateScan.Threads * GenerateScan.Threads;
        segments = (entries + chunk - 1) / chunk;

        var size = x.DType.SizeOf();
        long alongX = x.Strides[axis] * size, alongY = y.Strides[axis] * size;
        ulong atX = Address(x).Address, atY = Address(y).Address;
        if (reverse)
        {
            atX += (ulong)((entries - 1) * alongX);
            atY += (ulong)((entries - 1) * alongY);
            (alongX, alongY) = (-alongX, -alongY);
        }

        using var totals = segments > 1 ? Temporary(Shape.Create([op.State.Length, (int)lines, (int)segments]), DType.Float64) : null;
        var key = new GeneratedKernel("scan", (int)kernel, x.DType, (byBlocks ? 1 : 0) + (exclusive ? 2 : 0), others.Rank);
        var function = Generated(key, GenerateScan.Entry, static k => GenerateScan.Text(
            Operators.Running((ScanKernel)k.Operator, k.Type)!, (k.Other & 1) != 0, (k.Other & 2) != 0, k.Rank, DType.Float64));
        for (var mode = segments > 1 ? 1u : 0; ; mode++)
        {
            var arguments = new KernelArguments();
            arguments.Add(atX);
            arguments.Add(atY);
            arguments.Add(totals);
            arguments.Add((uint)lines);
            arguments.Add((uint)entries);
            arguments.Add((uint)chunk);
            arguments.Add((uint)segments);
            arguments.Add(mode);
            arguments.Add(alongX);
            arguments.Add(alongY);
            for (var i = 1; i < others.Rank; i++) arguments.Add((uint)others.Extent(i));
            AddSteps(ref arguments, others, 0, x);
            AddSteps(ref arguments, others, 1, y);
            if (byBlocks) LaunchBlocks(function, lines * segments, GenerateScan.Threads, arguments);
            else LaunchThreads(function, lines, GenerateScan.Threads, arguments);
            if (mode != 1) break;
        }
    }

    /// <summary>The axes beside one, in order: operand 0 a, 1 b.</summary>
    private static MergedAxes Others(int axis, Tensor a, Tensor b)
    {
        var others = new MergedAxes();
        for (var i = 0; i < a.Rank; i++)
        {
            if (i == axis) continue;
            others.Append(a.Layout.Dims[i], a.Strides[i], b.Strides[i]);
        }

        return others;
    }
}
