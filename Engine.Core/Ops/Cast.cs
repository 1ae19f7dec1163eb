using Edifice.Engine.Autograd;

namespace Edifice.Engine.Ops
{
    /// <summary>Conversions of dtype and device.</summary>
    internal static class Cast
    {
        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry(
                "cast", c => c["x"].To(Enum.Parse<DType>(c.Options.Text("dtype", "Float64"), ignoreCase: true)),
                () => OpCase.Of("""{"dtype": "Float64"}""", ("x", Sample.Normal(3, 4))));
            yield return new OpEntry("contiguous", c => c["x"].Contiguous(), () => OpCase.Of(("x", Sample.Transposed(Sample.Normal(3, 4)))));
            yield return new OpEntry("clone", c => c["x"].Clone(), () => OpCase.Of(("x", Sample.Normal(3, 4))));
        }
    }
}

namespace Edifice.Engine
{
    public sealed partial class Tensor
    {
        /// <summary>The elements as another dtype. Float to integer truncates toward zero, anything to bool is "not zero", bf16 and
        /// f16 round to nearest even. Gradients flow between floating dtypes.</summary>
        public Tensor To(DType dtype)
        {
            if (dtype == DType) return this;
            var y = Allocate(Shape, dtype, Device);
            Backend.Copy(this, y);
            if (!dtype.IsFloating()) return y;
            var from = DType;
            return Tape.Record("cast", y, [this], [], (_, g) => [g[0]!.To(from)]);
        }

        /// <summary>The elements on another device.</summary>
        /// <exception cref="DeviceUnavailableException">No backend serves it.</exception>
        public Tensor To(Device device)
        {
            ArgumentNullException.ThrowIfNull(device);
            if (device == Device) return this;
            var source = Contiguous();
            var y = Allocate(Shape, DType, device);
            var bytes = new byte[checked((int)(Count * DType.SizeOf()))];
            source.Backend.Read(source.Storage, source.Offset * DType.SizeOf(), bytes);
            y.Backend.Write(bytes, y.Storage, 0);
            var from = Device;
            return Tape.Record("to_device", y, [this], [], (_, g) => [g[0]!.To(from)]);
        }
    }
}
