using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cpu.Kernels.Fourier;

/// <summary>Table entries in the working type.</summary>
internal static class Scalar
{
    /// <summary>A double rounded to <typeparamref name="T"/>, float or double.</summary>
    public static T Of<T>(double value) where T : unmanaged
    {
        if (typeof(T) == typeof(double)) return Unsafe.BitCast<double, T>(value);
        return Unsafe.BitCast<float, T>((float)value);
    }
}
