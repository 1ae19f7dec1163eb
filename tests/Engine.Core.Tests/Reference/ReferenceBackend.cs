using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Edifice.Engine.Backends;

namespace Edifice.Engine.Tests.Reference;

/// <summary>A backend of plain loops in double on plain arrays, as slow as it is obvious: the second opinion on the others.</summary>
/// <remarks>It serves a device of its own, whose memory cannot be addressed from the host, so running an op on it also
/// shows where the op takes the CPU for granted. Results are formed in double and rounded once.</remarks>
internal sealed partial class ReferenceBackend : IBackend
{
    /// <summary>The device it serves; its kind is only a label that is not the CPU's.</summary>
    public static Device TheDevice { get; } = new(DeviceKind.Cuda, 1000);

    /// <summary>Registers it, once per process.</summary>
    [ModuleInitializer]
    internal static void Register() => BackendRegistry.Register(new ReferenceBackend());

    public Device Device => TheDevice;

    public string Description => "plain loops in double";

    public Storage Allocate(long byteLength) => new Bytes(byteLength);

    public void Read(Storage source, long byteOffset, Span<byte> destination) =>
        ((Bytes)source).Data.AsSpan((int)byteOffset, destination.Length).CopyTo(destination);

    public void Write(ReadOnlySpan<byte> source, Storage destination, long byteOffset) =>
        source.CopyTo(((Bytes)destination).Data.AsSpan((int)byteOffset));

    public void Copy(Tensor source, Tensor destination) => Store(destination, Load(source));

    public void Fill(Tensor destination, double value) => Store(destination, Enumerable.Repeat(value, (int)destination.Count).ToArray());

    /// <summary>The elements in row-major order. int64 beyond 2⁵³ would be rounded; tests stay below.</summary>
    private static double[] Load(Tensor x)
    {
        var data = ((Bytes)x.Storage).Data;
        var size = x.DType.SizeOf();
        return [.. Offsets(x).Select(o => Get(data.AsSpan(checked((int)(o * size)), size), x.DType))];
    }

    private static double[]? LoadOrNull(Tensor? x) => x is null ? null : Load(x);

    private static void Store(Tensor y, double[] values)
    {
        var data = ((Bytes)y.Storage).Data;
        var size = y.DType.SizeOf();
        var i = 0;
        foreach (var o in Offsets(y)) Set(data.AsSpan(checked((int)(o * size)), size), y.DType, values[i++]);
        if (i != values.Length) throw new InvalidOperationException($"{values.Length} values for {i} elements");
    }

    private static void StoreOrNot(Tensor? y, double[] values)
    {
        if (y is not null) Store(y, values);
    }

    private static IEnumerable<long> Offsets(Tensor x)
    {
        var place = new int[x.Rank];
        for (long n = 0; n < x.Count; n++)
        {
            var offset = x.Offset;
            for (var i = 0; i < place.Length; i++) offset += place[i] * x.Layout.Strides[i];
            yield return offset;
            for (var i = place.Length - 1; i >= 0; i--)
            {
                if (++place[i] < x.Layout.Dims[i]) break;
                place[i] = 0;
            }
        }
    }

    private static double Get(ReadOnlySpan<byte> at, DType dtype) => dtype switch
    {
        DType.Float32 => MemoryMarshal.Read<float>(at),
        DType.Float64 => MemoryMarshal.Read<double>(at),
        DType.Float16 => (double)MemoryMarshal.Read<Half>(at),
        DType.BFloat16 => BitConverter.Int32BitsToSingle(MemoryMarshal.Read<ushort>(at) << 16),
        DType.Int32 => MemoryMarshal.Read<int>(at),
        DType.Int64 => MemoryMarshal.Read<long>(at),
        _ => at[0],
    };

    private static void Set(Span<byte> at, DType dtype, double value)
    {
        switch (dtype)
        {
            case DType.Float32: MemoryMarshal.Write(at, (float)value); break;
            case DType.Float64: MemoryMarshal.Write(at, value); break;
            case DType.Float16: MemoryMarshal.Write(at, (Half)value); break;
            case DType.BFloat16: MemoryMarshal.Write(at, Upper((float)value)); break;
            case DType.Int32: MemoryMarshal.Write(at, (int)value); break;
            case DType.Int64: MemoryMarshal.Write(at, (long)value); break;
            default: at[0] = value != 0 ? (byte)1 : (byte)0; break;
        }
    }

    /// <summary>The upper half of a float, rounded to nearest even.</summary>
    private static ushort Upper(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value)) return (ushort)(bits >> 16 | 0x40);
        return (ushort)(bits + 0x7FFF + (bits >> 16 & 1) >> 16);
    }

    /// <summary>Extents before, at and after an axis.</summary>
    private static (int Outer, int Length, int Inner) Around(Tensor x, int axis)
    {
        int outer = 1, inner = 1;
        for (var i = 0; i < axis; i++) outer *= x.Layout.Dims[i];
        for (var i = axis + 1; i < x.Rank; i++) inner *= x.Layout.Dims[i];
        return (outer, x.Layout.Dims[axis], inner);
    }

    private sealed class Bytes(long length) : Storage(TheDevice, length)
    {
        private int _holders = 1;

        /// <summary>Poisoned: every float read before it is written is NaN.</summary>
        public byte[] Data { get; } = Enumerable.Repeat((byte)0xFF, checked((int)length)).ToArray();

        public override bool IsUnique => Volatile.Read(ref _holders) == 1;

        public override void Retain() => Interlocked.Increment(ref _holders);

        public override void Release() => Interlocked.Decrement(ref _holders);
    }
}
