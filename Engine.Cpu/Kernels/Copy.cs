using System.Runtime.CompilerServices;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Kernels;

namespace Edifice.Engine.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    /// <remarks>Out of an integer's range the nearest integer is taken and NaN becomes 0; between integers the low bits
    /// are kept.</remarks>
    public void Copy(Tensor source, Tensor destination)
    {
        if (destination.DType == DType.Bool && source.DType != DType.Bool)
        {
            CompareScalar(CompareKernel.NotEqual, source, 0, destination);
            return;
        }

        fixed (byte* from = &source.Storage.HostData, to = &destination.Storage.HostData)
        {
            const double Nanoseconds = 0.2;
            if (source.DType != destination.DType)
            {
                var convert = new ConvertRow(Conversion.Between(source.DType, destination.DType), source.DType.SizeOf(), destination.DType.SizeOf());
                LoopNest.Run(2 * Nanoseconds, ref convert, destination, to, source, from);
                return;
            }

            switch (source.DType.SizeOf())
            {
                case 1: Move<byte>(source, from, destination, to); break;
                case 2: Move<ushort>(source, from, destination, to); break;
                case 4: Move<uint>(source, from, destination, to); break;
                default: Move<ulong>(source, from, destination, to); break;
            }

            static void Move<T>(Tensor source, byte* from, Tensor destination, byte* to) where T : unmanaged
            {
                var move = default(MoveRow<T>);
                LoopNest.Run(Nanoseconds, ref move, destination, to, source, from);
            }
        }
    }

    /// <inheritdoc/>
    public void Fill(Tensor destination, double value)
    {
        var row = new FillRow(value, destination.DType);
        fixed (byte* p = &destination.Storage.HostData) LoopNest.Run(0.1, ref row, destination, p);
    }

    /// <summary>Elements of one size from anywhere to anywhere; operands: to, from.</summary>
    private readonly struct MoveRow<T> : IRow where T : unmanaged
    {
        public static bool Moves => true;

        public void Run(byte** at, long* step, long count)
        {
            byte* to = at[0], from = at[1];
            if (step[0] == sizeof(T))
            {
                if (step[1] == sizeof(T)) Buffer.MemoryCopy(from, to, count * sizeof(T), count * sizeof(T));
                else if (step[1] == 0) new Span<T>(to, (int)count).Fill(*(T*)from);
                else Strides.Gather(from, step[1], (T*)to, (int)count);
            }
            else if (step[1] == sizeof(T))
            {
                Strides.Scatter((T*)from, to, step[0], (int)count);
            }
            else
            {
                for (long i = 0; i < count; i++, to += step[0], from += step[1]) *(T*)to = *(T*)from;
            }
        }
    }

    /// <summary>Converts blocks, collected and spread where operands have gaps; operands: to, from.</summary>
    private readonly struct ConvertRow(delegate*<byte*, byte*, int, void> convert, int sizeFrom, int sizeTo) : IRow
    {
        private const int Block = 256;

        [SkipLocalsInit]
        public void Run(byte** at, long* step, long count)
        {
            byte* to = at[0], from = at[1];
            if (step[0] == sizeTo && step[1] == sizeFrom)
            {
                convert(from, to, (int)count);
                return;
            }

            byte* collected = stackalloc byte[Block * 8], converted = stackalloc byte[Block * 8];
            for (long done = 0; done < count; done += Block, to += Block * step[0], from += Block * step[1])
            {
                var n = (int)Math.Min(Block, count - done);
                var x = step[1] == sizeFrom ? from : collected;
                var y = step[0] == sizeTo ? to : converted;
                if (x != from) Strides.Gather(from, step[1], x, n, sizeFrom);
                convert(x, y, n);
                if (y != to) Strides.Scatter(y, to, step[0], n, sizeTo);
            }
        }
    }
}
