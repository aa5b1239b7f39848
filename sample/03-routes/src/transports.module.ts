import { Module } from '@nestjs/common';
import { Roads } from './transports.js';

@Module({ providers: [{ provide: Roads, useFactory: () => Roads.open() }], exports: [Roads] })
export class RoadsModule {}
